"""Registering, jobs and restores over the real world: checkpoints, bytes, what is left behind."""

from __future__ import annotations

import pytest
import requests

from safepoint_lab.world.images import open_chain
from safepoint_lab.world.truth import differing_cells

WAIT = 20.0


def started_from(answer):
    return answer["result"]["result"]


def differing(world, checkpoint, vm):
    truth = world.truth(checkpoint)
    found = {}
    for disk, wanted in zip(vm.disks, truth.disks, strict=True):
        with open_chain(world.storage.chain(disk)) as chain:
            found[wanted.slot] = differing_cells(wanted, chain.read_at, chain.size_bytes)
    return found


def points(client):
    return client.get("/restorePoints", orderColumn="CreationTime")["data"]


def test_an_scvmm_brings_clusters_and_hosts_with_four_components(client):
    session = client.register("SCVMM", "scvmm01.lab.example.test")
    assert started_from(session) == "Success"
    path = "/backupInfrastructure/managedServers"
    assert [item["type"] for item in client.get(path)["data"]] == ["SCVMM"]
    every = client.get(path, includeNestedHosts="true")["data"]
    assert sorted(item["type"] for item in every) == ["HvCluster", "HvServer", "HvServer", "SCVMM"]
    hosts = [item for item in every if item["type"] == "HvServer"]
    assert all(len(host["networkSettings"]["components"]) == 4 for host in hosts)
    assert all(host["parentHostName"].startswith("clu1") for host in hosts)
    log = client.get(f"/sessions/{session['id']}/logs")
    assert sum("Installing component" in line["title"] for line in log["records"]) == 8


def test_a_component_that_fails_leaves_its_node_unavailable(client):
    client.server.faults.arm("veeam-component-fails-on-node", node="hv02")
    session = client.register("HvCluster", "clu1.lab.example.test")
    assert started_from(session) == "Warning"
    every = client.get(
        "/backupInfrastructure/managedServers", includeNestedHosts="true", typeFilter="HvServer"
    )["data"]
    assert {item["name"][:4]: item["status"] for item in every} == {
        "hv01": "Available",
        "hv02": "Unavailable",
    }


def test_an_unknown_host_is_not_registered(client):
    session = client.register("HvServer", "ghost", credentialsStorageType="Permanent")
    assert started_from(session) == "Failed"
    assert client.get("/backupInfrastructure/managedServers")["data"] == []


def test_a_job_freezes_copies_and_releases_every_vm(client, world):
    job = client.job()
    session = client.run(job)
    assert started_from(session) == "Success"
    tasks = client.get(f"/sessions/{session['id']}/taskSessions")["data"]
    assert sorted(task["name"] for task in tasks) == ["sql01", "web01"]
    assert all(task["result"]["result"] == "Success" for task in tasks)
    assert all(task["algorithm"] == "Full" for task in tasks)
    for vm in world.vms():
        assert world.wait_merged(vm.guid, WAIT)
        assert world.checkpoints(vm.guid) == []
    assert all(truth.name.startswith("Veeam Recovery Checkpoint (") for truth in world.truths())
    assert len(points(client)) == 2
    state = client.get("/jobs/states")["data"][0]
    assert (state["status"], state["lastResult"]) == ("Stopped", "Success")


def test_a_second_run_is_an_increment_that_reads_less(client):
    job = client.job("sql01")
    read = []
    for _ in range(2):
        session = client.run(job)
        task = client.get(f"/sessions/{session['id']}/taskSessions")["data"][0]
        read.append((task["algorithm"], task["progress"]["readSize"]))
    assert [item[0] for item in read] == ["Full", "Increment"]
    assert read[1][1] < read[0][1]
    assert [point["type"] for point in points(client)] == ["Full", "Increment"]


def test_retention_by_points_keeps_the_newest_and_promotes_the_oldest(client):
    job = client.job("web01", retentionPolicy={"type": "RestorePoints", "quantity": 2})
    for _ in range(4):
        client.run(job)
    assert [point["type"] for point in points(client)] == ["Full", "Increment"]


def test_a_success_may_leave_its_checkpoint_behind(client, world):
    job = client.job("web01")
    client.server.faults.arm("veeam-leaves-checkpoint", vm="web01")
    assert started_from(client.run(job)) == "Success"
    left = world.checkpoints(world.vm_named("web01").guid)
    assert [item.name.split(" (")[0] for item in left] == ["Veeam Recovery Checkpoint"]


def test_a_failed_vm_fails_the_session_and_can_be_retried(client):
    job = client.job()
    client.server.faults.arm("veeam-job-fails-vm", vm="web01")
    session = client.run(job)
    assert started_from(session) == "Failed"
    results = {
        task["name"]: task["result"]["result"]
        for task in client.get(f"/sessions/{session['id']}/taskSessions")["data"]
    }
    assert results == {"sql01": "Success", "web01": "Failed"}
    again = client.finished(client.post(f"/jobs/{job['id']}/retry", {}))
    assert started_from(again) == "Success"
    names = [t["name"] for t in client.get(f"/sessions/{again['id']}/taskSessions")["data"]]
    assert names == ["web01"]


def test_a_full_repository_releases_the_checkpoint(client, world):
    job = client.job("web01")
    client.server.faults.arm("veeam-repository-full")
    assert started_from(client.run(job)) == "Failed"
    assert world.checkpoints(world.vm_named("web01").guid) == []


def test_a_hanging_session_ends_when_it_is_stopped(client):
    job = client.job("web01")
    client.server.faults.arm("veeam-session-hangs", operation="BackupJob")
    session = client.post(f"/jobs/{job['id']}/start", {"performActiveFull": False})
    again = client.call("POST", f"/jobs/{job['id']}/start", {"performActiveFull": False})
    assert again.status_code == 400
    client.post(f"/jobs/{job['id']}/stop", {"gracefulStop": True})
    assert client.finished(session)["state"] == "Stopped"


def test_a_lost_answer_has_had_its_effect(client):
    job = client.job("web01")
    client.server.faults.arm("veeam-lost-answer", operation="POST /jobs/{id}/start")
    with pytest.raises(requests.exceptions.ConnectionError):
        client.call("POST", f"/jobs/{job['id']}/start", {"performActiveFull": False})
    assert len(client.get("/sessions", typeFilter="BackupJob")["data"]) == 1
    client.finished(client.get("/sessions", typeFilter="BackupJob")["data"][0])


def test_restore_to_the_original_place_brings_the_bytes_back(client, world):
    job = client.job("sql01")
    client.run(job)
    checkpoint = world.truths()[-1].checkpoint
    world.guest("sql01").damage()
    body = {"type": "OriginalLocation", "restorePointId": points(client)[0]["id"]}
    session = client.finished(client.post("/restore/vmRestore/hyperV", body))
    assert started_from(session) == "Success", session
    vm = world.vm_named("sql01")
    assert all(found == [] for found in differing(world, checkpoint, vm).values())


def test_restore_elsewhere_makes_a_second_vm(client, world):
    job = client.job("sql01")
    client.run(job)
    checkpoint = world.truths()[-1].checkpoint
    host = client.objects("clu1.lab.example.test", "Host")[0]
    body = {
        "type": "Customized",
        "restorePointId": points(client)[0]["id"],
        "destinationHost": host,
        "target": {"vmName": "sql01-r"},
    }
    session = client.finished(client.post("/restore/vmRestore/hyperV", body))
    assert started_from(session) == "Success", session
    copy = world.vm_named("sql01-r")
    assert copy.guid != world.vm_named("sql01").guid
    assert all(found == [] for found in differing(world, checkpoint, copy).values())
    clash = client.call("POST", "/restore/vmRestore/hyperV", body)
    assert clash.status_code == 400


def test_instant_recovery_runs_a_vm_and_takes_it_away(client, world):
    client.run(client.job("web01"))
    path = "/restore/instantRecovery/hyperV/vm"
    body = {
        "type": "Customized",
        "restorePointId": points(client)[0]["id"],
        "powerUp": True,
        "target": {"vmName": "web01-ir"},
    }
    assert started_from(client.finished(client.post(path, body))) == "Success"
    mount = client.get(path)["data"][0]
    assert (mount["state"], mount["vmName"]) == ("Mounted", "web01-ir")
    assert world.vm_named("web01-ir").power.name == "RUNNING"
    client.finished(client.post(f"{path}/{mount['id']}/unmount", status=200))
    assert client.get(path)["data"] == []
    assert [vm.name for vm in world.vms()] == ["sql01", "web01"]


def test_everything_is_there_after_a_restart(client, client_of, serve):
    client.run(client.job("web01"))
    before = (points(client), client.get("/jobs")["data"], client.get("/sessions")["data"])
    client.server.stop()
    again = client_of(serve())
    again.login()
    assert before == (points(again), again.get("/jobs")["data"], again.get("/sessions")["data"])


def test_what_a_stop_cuts_off_ends_failed_after_the_restart(client, client_of, serve):
    job = client.job("web01")
    client.server.faults.arm("veeam-session-hangs", operation="BackupJob")
    session = client.post(f"/jobs/{job['id']}/start", {"performActiveFull": False})
    client.server.stop()
    again = client_of(serve())
    again.login()
    assert started_from(again.get(f"/sessions/{session['id']}")) == "Failed"


def test_four_eyes_keep_a_deletion_waiting(serve, client_of):
    client = client_of(serve(four_eyes=True))
    client.login()
    ident = client.credential()
    assert client.call("DELETE", f"/credentials/{ident}").status_code == 403
    assert client.get(f"/credentials/{ident}")["id"] == ident
    pending = client.server.engine.pending_deletions
    assert len(pending) == 1
    client.server.engine.approve(pending[0].id)
    assert client.call("GET", f"/credentials/{ident}").status_code == 404
