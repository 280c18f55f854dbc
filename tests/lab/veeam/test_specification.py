"""Every answer fits the vendor's specification, and every documented body is accepted.

The specification is read from where SAFEPOINT_VEEAM_OPENAPI points; nothing of it is kept here.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from safepoint.drivers import DriverContext
from safepoint.models.checkpoints import OperationState
from safepoint.models.estate import Cluster
from safepoint.models.instant_recovery import InstantRecoveryRequest
from safepoint.models.jobs import ProtectionJob
from safepoint.models.plans import Action, Change, Desired, DesiredJob
from safepoint.models.policies import Policy
from safepoint.models.refs import Ref
from safepoint.models.resources import ResourceQuery
from safepoint.models.restore_points import RestorePointQuery
from safepoint.models.restores import RestoreRequest
from safepoint.models.runs import RunQuery, RunRequest, RunState
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint.models.workloads import WorkloadQuery
from safepoint_veeam.driver import VeeamDriver
from safepoint_veeam.settings import VeeamSettings

ROOT = "urn:veeam"
REVISIONS = ("1.3-rev1", "1.3-rev2")


class Oracle:
    """Checks answers and accepted bodies of one client against one specification.

    Choices by discriminator become if/then; objects refuse fields they do not know (the subset
    lost the properties that are called ``description``, which are let through).
    """

    def __init__(self, document):
        self.schemas = document["components"]["schemas"]
        self.checked = set()
        self.routes = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$"), path, methods)
            for path, methods in sorted(
                document["paths"].items(), key=lambda item: item[0].count("{")
            )
        ]
        made = {name: self.rewrite(name) for name in self.schemas}
        resource = Resource.from_contents(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": made}
        )
        self.registry = Registry().with_resource(ROOT, resource)

    def __call__(self, method, path, body, answer):
        route = next(item for item in self.routes if item[0].match(path))
        operation = route[2][method.lower()]
        label = f"{method} {route[1]} {answer.status_code}"
        declared = operation["responses"].get(str(answer.status_code))
        if answer.status_code < 400:
            assert declared is not None, f"{label} is not declared"
            if body is not None and "requestBody" in operation:
                self.validate(self.json(operation["requestBody"]), body, f"{label} request")
        schema = self.json(declared or {})
        if schema is not None:
            self.validate(schema, answer.json(), label)
        self.checked.add(label)

    def json(self, part):
        if "$ref" in part:
            return None
        return part.get("content", {}).get("application/json", {}).get("schema")

    def validate(self, schema, instance, label):
        checker = FormatChecker(formats=())
        checker.checks("uuid", raises=ValueError)(lambda text: bool(uuid.UUID(text)))
        validator = Draft202012Validator(
            self.point(schema), registry=self.registry, format_checker=checker
        )
        problems = [
            f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(instance)
        ]
        assert problems == [], f"{label}: {problems}"

    def point(self, schema):
        """Return a schema whose references lead into the rewritten definitions."""
        if isinstance(schema, dict):
            if "$ref" in schema:
                return {"$ref": f"{ROOT}#/$defs/{schema['$ref'].rpartition('/')[2]}"}
            return {key: self.point(value) for key, value in schema.items()}
        return [self.point(item) for item in schema] if isinstance(schema, list) else schema

    def rewrite(self, name):
        schema = self.schemas[name]
        if "discriminator" in schema:
            by = schema["discriminator"]["propertyName"]
            cases = [
                {
                    "if": {"properties": {by: {"const": value}}},
                    "then": self.point({"$ref": ref})
                    if ref.rpartition("/")[2] in self.schemas
                    else False,
                }
                for value, ref in schema["discriminator"]["mapping"].items()
            ]
            mapped = {"properties": {by: {"enum": list(schema["discriminator"]["mapping"])}}}
            cases.append({"if": mapped, "else": self.closed(schema)})
            return {"required": [by], "allOf": cases}
        if "allOf" not in schema and "properties" not in schema:
            return self.point(schema)
        return self.closed(schema)

    def closed(self, schema):
        properties, required = self.flat(schema)
        return {
            "type": "object",
            "properties": {"description": {}, **self.point(properties)},
            "required": required,
            "additionalProperties": False,
        }

    def flat(self, schema):
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        properties = dict(schema.get("properties", {}))
        required = list(schema.get("required", []))
        for part in schema.get("allOf", []):
            more, needed = self.flat(part)
            properties = {**more, **properties}
            required += needed
        return properties, required


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_whole_life_fits_the_specification(serve, client_of, openapi, revision, world):
    client = client_of(serve(profile=revision), revision)
    client.oracle = Oracle(openapi(revision))
    client.login()
    for path in ("/serverInfo", "/serverTime", "/serverCertificate", "/license", "/services"):
        client.get(path)
    job = register_and_create(client, revision)
    client.server.faults.arm("veeam-job-fails-vm", vm="web01")
    run(client, job)
    browse(client)
    restore(client, revision)
    remove(client, job)
    assert len(client.oracle.checked) > 55


def register_and_create(client, revision):
    servers = "/backupInfrastructure/managedServers"
    assert client.register("SCVMM", "scvmm01.lab.example.test")["result"]["result"] == "Success"
    root = client.get(servers)["data"][0]
    credential = root["credentialsId"]
    for body in ({"scvmmHostId": root["id"]}, {"hvClusterName": "clu1"}):
        client.post(f"{servers}/hyperVHosts", body | {"credentialsId": credential}, 200)
    client.finished(client.call("PUT", f"{servers}/{root['id']}", root).json())
    client.finished(client.post(f"{servers}/{root['id']}/rescan"))
    client.finished(client.post(f"{servers}/rescan", {"ids": [root["id"]]}))
    client.finished(client.post(f"{servers}/updateComponents", {"ids": [root["id"]]}))
    client.post("/connectionCertificate", {"serverName": "hv01", "type": "HvServer"})
    for item in client.get(servers, includeNestedHosts="true")["data"]:
        client.get(f"{servers}/{item['id']}")
    client.post("/inventory", {}, 200)
    for view in ("HostsAndVMs", "HostsAndVolumes", "Network"):
        client.post(f"/inventory/{root['name']}", {"hierarchyType": view}, 200)
    every = client.objects(root["name"], "VirtualMachine")
    body = client.job_body(every, **full_storage(revision))
    sql = next(item for item in every if item["name"] == "sql01")
    body |= {"guestProcessing": guest(sql, credential, revision), "schedule": schedule()}
    job = client.post("/jobs", body)
    client.call("PUT", f"/jobs/{job['id']}", job)
    client.post(f"/jobs/{job['id']}/disable", status=204)
    client.post(f"/jobs/{job['id']}/enable", status=204)
    client.post(f"/jobs/{job['id']}/clone")
    return client.get(f"/jobs/{job['id']}")


def full_storage(revision):
    synthetic = "syntheticFulls" if revision == "1.3-rev2" else "synthenticFulls"
    remove = "removeData" if revision == "1.3-rev2" else "RemoveData"
    weekly = {"isEnabled": True, "days": ["Saturday"], "localTime": "22:00"}
    return {
        "gfsPolicy": {
            "isEnabled": True,
            "weekly": {"isEnabled": True, "keepForNumberOfWeeks": 4, "desiredTime": "Sunday"},
        },
        "advancedSettings": {
            "backupModeType": "Incremental",
            synthetic: {"isEnabled": True, "weekly": weekly},
            "fullBackupMaintenance": {remove: {"isEnabled": True, "afterDays": 14}},
        },
    }


def guest(vm, credential, revision):
    pair = {"credentialsId": credential, "credentialsType": "Standard"}
    machine = {"credentials": [pair]} if revision == "1.3-rev2" else pair
    return {
        "appAwareProcessing": {
            "isEnabled": True,
            "appSettings": [{"vmObject": vm, "vss": "RequireSuccess"}],
        },
        "guestFSIndexing": {"isEnabled": False},
        "guestCredentials": {
            "useAgentManagementCredentials": False,
            "credentials": pair,
            "credentialsPerMachine": [{"vmObject": vm, "default": False, **machine}],
        },
    }


def schedule():
    daily = {"isEnabled": True, "localTime": "22:00", "dailyKind": "Everyday"}
    return {"runAutomatically": True, "daily": daily}


def run(client, job):
    session = client.run(job)
    assert session["result"]["result"] == "Failed"
    client.finished(client.post(f"/jobs/{job['id']}/retry", {}))
    client.get("/jobs")
    assert client.get("/jobs/states")["data"][0]["nextRun"]
    client.get("/sessions")
    client.get(f"/sessions/{session['id']}/logs")
    client.get("/taskSessions", sessionIdFilter=session["id"])
    for task in client.get(f"/sessions/{session['id']}/taskSessions")["data"]:
        client.get(f"/taskSessions/{task['id']}")
        client.get(f"/taskSessions/{task['id']}/logs")
    running = client.post(f"/jobs/{job['id']}/start", {"performActiveFull": True})
    client.post(f"/sessions/{running['id']}/stop", status=200)
    client.finished(running)


def browse(client):
    repositories = "/backupInfrastructure/repositories"
    client.get(f"{repositories}/states")
    client.get(f"{repositories}/{client.get(repositories)['data'][0]['id']}")
    client.get("/backupInfrastructure/scaleOutRepositories")
    client.get("/backupInfrastructure/proxies")
    backup = client.get("/backups")["data"][0]
    for path in ("", "/objects", "/backupFiles"):
        client.get(f"/backups/{backup['id']}{path}")
    for item in client.get("/backupObjects")["data"]:
        client.get(f"/backupObjects/{item['id']}")
        client.get(f"/backupObjects/{item['id']}/restorePoints")
    for credential in client.get("/credentials")["data"]:
        client.get(f"/credentials/{credential['id']}")
    client.get("/globalExclusions/vm")


def restore(client, revision):
    point = client.get("/restorePoints", nameFilter="web01")["data"][0]
    client.get(f"/restorePoints/{point['id']}")
    disk = client.get(f"/restorePoints/{point['id']}/disks")["data"][0]["diskExtents"][0]
    body = {"type": "OriginalLocation", "restorePointId": point["id"], "powerUp": True}
    session = client.finished(client.post("/restore/vmRestore/hyperV", body))
    assert session["result"]["result"] == "Success", session
    mapping = {"disk": disk, "targetFolder": r"\\fs01\vmstore1\web01-ir"}
    body = {
        "type": "Customized",
        "restorePointId": point["id"],
        "datastore": {"diskMappings": [mapping], "allocateRequiredDiskSpace": False},
        "target": {"vmName": "web01-ir"},
    }
    path = "/restore/instantRecovery/hyperV/vm"
    client.finished(client.post(path, body))
    mount = client.get(path)["data"][0]
    client.get(f"{path}/{mount['id']}")
    client.post(f"{path}/{mount['id']}/migrate", status=204)
    migration = client.get("/sessions", typeFilter="QuickMigration")["data"][0]
    client.finished(migration)
    assert client.get(path)["data"] == []


def remove(client, job):
    assert client.call("DELETE", f"/jobs/{job['id']}").status_code == 204
    for other in client.get("/jobs")["data"]:
        client.call("DELETE", f"/jobs/{other['id']}")
    backup = client.get("/backups")["data"][0]
    gone = client.call("DELETE", f"/backups/{backup['id']}", includeGFS="true")
    client.finished(gone.json())
    assert client.get("/restorePoints")["data"] == []
    server = client.get("/backupInfrastructure/managedServers")["data"][0]
    gone = client.call("DELETE", f"/backupInfrastructure/managedServers/{server['id']}")
    client.finished(gone.json())
    ident = server["credentialsId"]
    assert client.call("DELETE", f"/credentials/{ident}").status_code == 204
    assert client.call("GET", f"/credentials/{ident}").status_code == 404


class Plugin:
    """The plugin's driver over one server, each of its requests held against the specification."""

    def __init__(self, server, oracle, world):
        settings = server.engine.settings
        raw = {
            "url": server.url,
            "username": settings.username,
            "password": settings.password,
            "ca": str(server.ca),
            "fabric": {"username": "LAB\\svc", "password": "x"},
            "clusterNames": {c.name: c.fqdn for c in world.clusters()},
            "repository": "Repo A",
        }
        nodes = tuple(NodeAddress(name=n.name, address=n.name) for n in world.nodes())
        context = DriverContext(
            "vbr", lambda: datetime.now(UTC), Path(), (ClusterInfo(name="clu1", nodes=nodes),)
        )
        self.driver = VeeamDriver(VeeamSettings.model_validate(raw, by_alias=True), context)
        self.server = server
        self.present = {}
        transport = self.driver.client._transport
        real = transport.send

        def checked(call, *, writes, **parts):
            answer = real(call, writes=writes, **parts)
            if "/oauth2/" not in call.path:
                oracle(call.method, unquote(call.path), parts.get("json"), answer)
            return answer

        transport.send = checked

    def desired(self, **policy):
        nodes = [{"name": n, "address": n} for n in ("hv01", "hv02")]
        cluster = {"metadata": {"name": "clu1"}, "spec": {"hypervisor": "h", "nodes": nodes}}
        spec = {"connection": "vbr", "cluster": "clu1", "policy": "p", "include": [{"all": True}]}
        spec["exclude"] = [{"name": "sql01"}]
        job = ProtectionJob.model_validate({"metadata": {"name": "by-plugin"}, "spec": spec})
        how = Policy.model_validate({"metadata": {"name": "p"}, "spec": policy}, by_alias=True)
        return Desired(
            connection="vbr",
            driver="veeam",
            clusters=(Cluster.model_validate(cluster),),
            jobs=(DesiredJob(job=job, policy=how),),
        )

    def bring_about(self, **policy):
        for wish in self.driver.translate(self.desired(**policy)).resources:
            if not wish.is_observe_only:
                before = self.present.get(wish.address)
                needs = tuple(self.present[a] for a in wish.depends_on)
                action = Action.UPDATE if before else Action.CREATE
                self.write(
                    Change(
                        action=action,
                        address=wish.address,
                        before=before,
                        after=wish,
                        dependencies=needs,
                    )
                )
        self.look()

    def remove(self, address):
        before = self.present[address]
        self.write(Change(action=Action.DELETE, address=address, before=before))

    def write(self, change):
        begun = self.driver.apply(change, key="k")
        if isinstance(begun, Ref):
            self.server.engine.sessions.wait(begun.id)
            assert self.driver.change_status(begun).state is OperationState.SUCCEEDED
        self.look()

    def look(self):
        self.present = {r.address: r for r in self.driver.observe(ResourceQuery())}

    def wait(self, ref):
        self.server.engine.sessions.wait(ref.id)
        return ref


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_request_of_the_plugin_fits_the_specification(serve, openapi, revision, world):
    oracle = Oracle(openapi(revision))
    plugin = Plugin(serve(profile=revision), oracle, world)
    driver = plugin.driver
    driver.probe()
    driver.support()
    plugin.bring_about(retention={"keepFor": "14d", "weekly": {"keep": 4}}, fallback="allow")
    berlin = {"timezone": "Europe/Berlin"}
    for schedule in (
        {"daily": {"at": ["22:00"]}},
        {"weekly": {"days": ["sunday"], "at": ["22:00"]}},
        {"monthly": {"weekday": "last friday", "at": ["01:00"]}},
        {"monthly": {"day": "last", "at": ["01:00"]}},
        {"every": {"hours": 4}, "window": {"start": "20:00", "end": "06:00"}},
    ):
        plugin.bring_about(schedule=berlin | schedule, consistency="filesystem")
    run = plugin.wait(driver.start_run(RunRequest(job="by-plugin"), key="r"))
    assert [r.state for r in driver.follow_runs((run,))] == [RunState.SUCCEEDED]
    if revision == "1.3-rev2":
        (vm,) = [w for w in driver.workloads(WorkloadQuery()) if w.name == "web01"]
        plugin.wait(driver.start_run(RunRequest(job="by-plugin", workloads=(vm,)), key="q"))
    assert list(driver.runs(RunQuery(job="by-plugin", with_tasks=True)))
    point = list(driver.restore_points(RestorePointQuery()))[-1]
    for request in (
        RestoreRequest(point=point.ref, cluster="clu1", in_place=True, stop_running=True),
        RestoreRequest(point=point.ref, cluster="clu1", node="hv02", new_name="web01-r"),
    ):
        restore = plugin.wait(driver.start_restore(request, key=request.new_name))
        assert driver.restore_status(restore).state is OperationState.SUCCEEDED
    wanted = InstantRecoveryRequest(point=point.ref, cluster="clu1", new_name="web01-i")
    recovery = plugin.wait(driver.start_instant_recovery(wanted, key="i"))
    assert [one.workload_name for one in driver.instant_recoveries()] == ["web01-i"]
    driver.stop_instant_recovery(recovery, key="s")
    for address in ("job/by-plugin", "cluster/clu1.lab.example.test", "credential/LAB\\svc"):
        plugin.remove(address)
    driver.close()
    assert len(oracle.checked) >= 30
