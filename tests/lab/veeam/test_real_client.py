"""The public client `veeam-br`, generated from the vendor's specification, drives the simulator."""

from __future__ import annotations

import asyncio
import ssl
from uuid import UUID

import pytest

veeam_br = pytest.importorskip("veeam_br.client", reason="needs veeam-br: pip install veeam-br")

SPEC = {
    "type": "HyperVBackup",
    "name": "by-veeam-br",
    "description": "",
    "schedule": {"runAutomatically": False},
}


@pytest.mark.parametrize("revision", ["1.3-rev1", "1.3-rev2"])
def test_veeam_br_registers_protects_and_lists(serve, revision):
    server = serve(profile=revision)
    settings = server.engine.settings
    trust = ssl.create_default_context(cafile=str(server.ca))

    async def drive():
        async with veeam_br.VeeamClient(
            server.url, settings.username, settings.password, revision, verify_ssl=trust
        ) as client:
            return await Story(client, server).play()

    found = asyncio.run(drive())
    assert found.pagination.total == 1
    assert found.data[0].name == "web01"
    assert found.data[0].type_.value == "Full"


class Story:
    def __init__(self, client, server) -> None:
        self.client = client
        self.server = server

    def model(self, module, name, body):
        """Build one of the client's own models from plain JSON."""
        package = __import__(f"{self.client.package}.models.{module}", fromlist=[name])
        return getattr(package, name).from_dict(body)

    async def ask(self, operation, *args, **options):
        group, _, name = operation.partition(".")
        return await self.client.call(getattr(self.client.api(group), name), *args, **options)

    async def done(self, session):
        """Wait outside the event loop, then read the session with the client."""
        ident = str(session.id)
        await asyncio.to_thread(self.server.engine.sessions.wait, ident, 20.0)
        return await self.ask("sessions.get_session", UUID(ident))

    async def play(self):
        await self.client.connect()
        credential = await self.ask(
            "credentials.create_creds",
            body=self.model(
                "standard_credentials_spec",
                "StandardCredentialsSpec",
                {
                    "type": "Standard",
                    "username": "LAB\\svc",
                    "password": "x",
                    "description": "d",
                },
            ),
        )
        session = await self.ask(
            "managed_servers.create_managed_server",
            body=self.model(
                "scvmm_spec",
                "SCVMMSpec",
                {
                    "type": "SCVMM",
                    "name": "scvmm01.lab.example.test",
                    "description": "",
                    "credentialsId": str(credential.id),
                },
            ),
        )
        assert (await self.done(session)).result.result.value == "Success"
        servers = await self.ask("managed_servers.get_all_managed_servers")
        listed = await self.ask("inventory_browser.get_inventory_objects", servers.data[0].name)
        rows = [item.to_dict() for item in listed.data]
        vm = next(item for item in rows if item["name"] == "web01")
        repositories = await self.ask("repositories.get_all_repositories")
        body = SPEC | {
            "virtualMachines": {"includes": [vm]},
            "storage": {
                "backupRepositoryId": str(repositories.data[0].id),
                "backupProxies": {"proxyType": "OnHost"},
                "retentionPolicy": {"type": "RestorePoints", "quantity": 7},
            },
        }
        job = await self.ask(
            "jobs.create_job",
            body=self.model("hyper_v_backup_job_spec", "HyperVBackupJobSpec", body),
        )
        start = self.model("job_start_spec", "JobStartSpec", {"performActiveFull": False})
        run = await self.ask("jobs.start_job", job.id, body=start)
        assert (await self.done(run)).result.result.value == "Success"
        return await self.ask("restore_points.get_all_object_restore_points")
