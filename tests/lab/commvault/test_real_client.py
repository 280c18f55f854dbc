"""The vendor's own SDK, unpatched but for how long it waits, drives the simulator."""

from __future__ import annotations

import ntpath
from datetime import timedelta
from functools import partial

import pytest
from tests.lab.commvault.conftest import SPEED, small_world

from safepoint_lab.commvault import CommvaultServer, CommvaultSettings
from safepoint_lab.world.enums import PowerState

commcell_module = pytest.importorskip("cvpysdk.commcell", reason="needs cvpysdk")

HYPERVISOR, GROUP = "HVC", "vmg-gold"


@pytest.fixture
def server(tmp_path, tls):
    """A server over a world of three nodes."""
    settings = CommvaultSettings(speed=SPEED)
    with (
        small_world(tmp_path / "world", nodes=3) as world,
        CommvaultServer(world, tmp_path / "commvault", tls, settings=settings) as made,
    ):
        yield made
        assert made.engine.crew.failures == []


@pytest.fixture
def short_waits(monkeypatch):
    """The SDK looks at a job every 30 s and sleeps between attempts; nothing else is changed."""
    import time

    real = time.sleep
    monkeypatch.setattr("cvpysdk.job.time.sleep", lambda seconds: real(min(seconds, 0.02)))


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_cvpysdk_protects_and_restores(server, short_waits):
    Story(server).play()


class Story:
    def __init__(self, server) -> None:
        self.server = server
        self.world = server.engine.world
        self.names = [node.name for node in self.world.nodes()]
        self.vms = list(self.world.vms())

    def play(self):
        self.log_in()
        self.install()
        self.register()
        self.make_a_group()
        self.back_up()
        self.browse()
        self.restore()
        self.renew()
        self.switch_and_age()
        self.take_away()

    def done(self, job):
        assert job.wait_for_completion(), job.delay_reason
        assert job.status == "Completed", job.delay_reason

    def log_in(self):
        settings = self.server.engine.settings
        connect = partial(
            commcell_module.Commcell,
            "commserve01",
            settings.username,
            web_service_url=self.server.api,
            certificate_path=str(self.server.ca),
        )
        from cvpysdk.exception import SDKException

        with pytest.raises(SDKException, match="incorrect"):
            connect("wrong")
        self.commcell = connect(settings.password)

    def install(self):
        from cvpysdk.deployment.deploymentconstants import WindowsDownloadFeatures

        job = self.commcell.install_software(
            client_computers=[node.hostname for node in self.world.nodes()],
            windows_features=[WindowsDownloadFeatures.VIRTUAL_SERVER.value],
            username="LAB\\svc",
            password="c2VjcmV0",
        )
        self.done(job)
        self.commcell.clients.refresh()
        for name in self.names:
            assert self.commcell.clients.get(name).agents.has_agent("Virtual Server")

    def register(self):
        asked = [*self.names, "nobody"]
        cluster = self.world.clusters()[0].fqdn
        self.client = self.commcell.clients.add_hyperv_client(
            HYPERVISOR, cluster, "LAB\\svc", "secret", asked
        )
        agent = self.client.agents.get("Virtual Server")
        self.instance = agent.instances.get("hyper-v")
        assert self.instance.associated_clients == self.names
        self.backupset = self.instance.backupsets.get("defaultBackupSet")

    def make_a_group(self):
        assert self.commcell.storage_pools.has_storage_pool("DiskPool01")
        assert self.commcell.plans.get("Server Plan").sla_in_minutes == 1440
        self.subclient = self.backupset.subclients.add_virtual_server_subclient(
            GROUP, [self.rule(vm) for vm in self.vms], plan_name="Server Plan"
        )
        assert self.subclient.name.casefold() == GROUP
        shown = {item["display_name"] for item in self.subclient.content}
        assert shown == {vm.name for vm in self.vms}
        assert set(self.subclient.preview_content()) == {vm.name for vm in self.vms}
        self.subclient.quiesce_file_system = False
        assert not self.subclient.quiesce_file_system
        self.subclient.quiesce_file_system = True

    def rule(self, vm):
        from cvpysdk.constants import VSAObjects

        return {
            "type": VSAObjects.VM,
            "name": vm.name,
            "display_name": vm.name,
            "id": vm.guid,
            "path": "",
            "equal_value": True,
        }

    def back_up(self):
        for level in ("Full", "Incremental"):
            job = self.subclient.backup(level)
            self.done(job)
            details = job.details["jobDetail"]["clientStatusInfo"]["vmStatus"]
            assert {item["vmName"] for item in details} == {vm.name for vm in self.vms}
        self.job_id = int(job.job_id)
        finished = self.commcell.job_controller.finished_jobs(lookup_time=1)
        assert self.job_id in finished

    def browse(self):
        paths, _ = self.subclient.browse()
        assert sorted(paths) == sorted(f"\\{vm.name}" for vm in self.vms)
        disks, _ = self.subclient.disk_level_browse(f"\\{self.vms[0].name}")
        assert len(disks) == len(self.vms[0].disks)

    def restore(self):
        vm, frozen = self.vms[0], self.server.engine.points.of_vm(self.vms[0].guid)[-1]
        root = ntpath.dirname(vm.config_root)
        other = next(name for name in self.names if name != vm.node)
        self.done(
            self.subclient.full_vm_restore_out_of_place(
                destination_client=HYPERVISOR,
                proxy_client=other,
                destination_path=ntpath.join(root, "copy"),
                vm_to_restore=vm.name,
                restored_vm_name="copy",
                add_to_failover=True,
            )
        )
        assert self.world.vm_named("copy").node == other
        self.done(
            self.subclient.disk_restore(vm.name, ntpath.join(root, "disks"), proxy_client=other)
        )
        folder = self.world.host_path(ntpath.join(root, "disks"))
        written = sorted(path.name for path in folder.glob("*.vhdx"))
        assert written == sorted(disk.name for disk in frozen.disks)
        self.done(self.subclient.full_vm_restore_in_place(vm_to_restore=[vm.name]))
        assert self.world.vm(vm.guid).power is PowerState.RUNNING

    def renew(self):
        before = self.commcell.auth_token
        self.world.advance(timedelta(minutes=31))
        self.commcell.clients.refresh()
        assert self.commcell.auth_token != before

    def switch_and_age(self):
        control = self.commcell.activity_control
        control.set("DATA AGING", "Disable")
        assert not control.is_enabled("DATA AGING")
        control.set("DATA AGING", "Enable")
        assert control.is_enabled("DATA AGING")
        self.done(self.commcell.run_data_aging())

    def take_away(self):
        self.client.disable_backup()
        assert not self.client.is_backup_enabled
        self.client.enable_backup()
        self.backupset.subclients.delete(GROUP)
        assert not self.backupset.subclients.has_subclient(GROUP)
        self.commcell.clients.delete(HYPERVISOR)
        assert not self.commcell.clients.has_client(HYPERVISOR)
        self.commcell.logout()
        requests = self.server.engine.requests
        assert requests["POST /commandcenter/api/Logout"] == 1
