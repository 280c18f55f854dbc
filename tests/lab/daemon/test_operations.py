"""What a lab can be asked and told; the same by object and over the control port."""

from __future__ import annotations

import http.client
import json
import threading

import pytest

from safepoint.errors import UnknownNameError, UnreachableError, UsageError
from safepoint_lab.daemon import LabClient
from safepoint_lab.daemon.control import METHODS, ControlServer
from safepoint_lab.daemon.operations import LabOperations
from safepoint_lab.world.enums import SnapshotRequest
from safepoint_lab.world.model import Refused


@pytest.fixture(params=["object", "client"])
def asked(request, lab):
    """Return the operations themselves, or a client that reaches them over HTTP."""
    if request.param == "object":
        yield lab.operations
        return
    control = ControlServer(lab)
    control.start()
    yield LabClient(lab.folder.root)
    control.stop()


@pytest.fixture
def control(lab):
    server = ControlServer(lab)
    server.start()
    yield server
    server.stop()


def freeze(lab, name="sql01"):
    vm = lab.world.vm_named(name)
    job = lab.world.create_checkpoint(vm.guid, node=vm.node, request=SnapshotRequest.FULL)
    assert lab.world.wait_job(job)
    return job.affected[0].key


def destroy(lab, checkpoint):
    node = lab.world.vm(lab.world.checkpoint(checkpoint).vm).node
    assert lab.world.wait_job(lab.world.destroy_checkpoint(checkpoint, node=node))


def test_vms_and_guests_can_be_looked_at(asked):
    assert [vm.name for vm in asked.vms()] == ["sql01", "web01"]
    vm = asked.vm("SQL01")
    assert (vm.power, vm.checkpoints, [disk.slot for disk in vm.disks]) == (
        "running",
        0,
        ["scsi0.0", "scsi0.1"],
    )
    guest = asked.inspect("sql01")
    assert guest.healthy
    assert (guest.hostname, guest.version) == ("sql01", "4.2.0")


def test_the_patch_story_is_told_by_the_guest(asked):
    asked.patch("sql01")
    guest = asked.inspect("sql01")
    assert not guest.healthy
    assert (guest.version, len(guest.broken_files)) == ("4.3.0-bad", 4)


def test_damage_is_seen(asked):
    asked.damage("sql01")
    guest = asked.inspect("sql01")
    assert (guest.healthy, guest.bank) == (False, "torn")


def test_files_are_written_and_read(asked):
    asked.write_file("web01", "/SYSTEM/NOTE.TXT", "hello")
    assert asked.read_file("web01", "/SYSTEM/NOTE.TXT") == "hello"
    with pytest.raises(UnknownNameError):
        asked.read_file("web01", "/SYSTEM/NONE.TXT")
    with pytest.raises(UsageError):
        asked.write_file("web01", "/NODIR/NOTE.TXT", "hello")


def test_power_and_nodes(asked):
    assert asked.power("web01", "shutdown") == "off"
    assert asked.power("web01", "start") == "running"
    with pytest.raises((UsageError, Refused)):
        asked.power("web01", "start")
    before = asked.vm("web01").node
    after = asked.migrate("web01")
    assert after != before == asked.migrate("web01", before)
    asked.fail_node(before)
    assert asked.vm("web01").node == after
    asked.restore_node(before)
    with pytest.raises(UnknownNameError):
        asked.vm("nobody")


def test_ground_truth_outlives_the_checkpoint(asked, lab):
    checkpoint = freeze(lab)
    assert [item.guid for item in asked.checkpoints("sql01")] == [checkpoint]
    destroy(lab, checkpoint)
    assert asked.wait_merged()
    assert asked.checkpoints() == []
    truth = asked.truth(checkpoint)
    assert [disk.slot for disk in truth.disks] == ["scsi0.0", "scsi0.1"]
    assert asked.truths("SQL01") == [truth]
    assert asked.truths("web01") == []
    with pytest.raises(UnknownNameError):
        asked.truth("00000000-0000-0000-0000-000000000000")


def test_disks_are_compared_with_the_ground_truth(asked, lab):
    asked.power("sql01", "shutdown")
    checkpoint = freeze(lab)
    destroy(lab, checkpoint)
    assert asked.wait_merged("sql01")
    assert asked.compare_vm(checkpoint, "sql01") == {"scsi0.0": [], "scsi0.1": []}
    file = asked.vm("sql01").disks[0].file
    assert asked.compare_file(checkpoint, "scsi0.0", file) == []
    assert asked.compare_file(checkpoint, "scsi0.1", file) != []
    asked.power("sql01", "start")
    with pytest.raises(UsageError, match="runs"):
        asked.compare_vm(checkpoint, "sql01")
    asked.write_file("sql01", "/SYSTEM/NOTE.TXT", "new")
    asked.power("sql01", "off")
    assert asked.compare_vm(checkpoint, "sql01")["scsi0.0"] != []
    asked.power("web01", "off")
    with pytest.raises(UsageError, match="disks"):
        asked.compare_vm(checkpoint, "web01")
    with pytest.raises(UnknownNameError):
        asked.compare_file(checkpoint, "ide0.0", file)


def test_faults_are_armed_listed_and_cleared(asked, lab):
    armed = asked.arm_fault(
        "stall", node="HV01", vm="web01", times=None, parameters={"seconds": "7"}
    )
    assert (armed.node, armed.vm, armed.times) == ("hv01", lab.world.vm_named("web01").guid, None)
    assert asked.faults() == [armed]
    assert lab.world.faults.armed()[0].parameters == {"seconds": "7"}
    assert asked.clear_fault("stall") == 1
    assert asked.faults() == []
    with pytest.raises(UnknownNameError) as error:
        asked.arm_fault("stal")
    assert "stall" in error.value.hint


def test_requests_are_counted(asked):
    asked.clear_calls()
    assert asked.calls().total == 0


def test_every_operation_can_be_reached_by_the_client():
    assert set(METHODS) <= {name for name in dir(LabClient) if not name.startswith("_")}
    assert "__init__" not in METHODS
    assert len(METHODS) == len([n for n in dir(LabOperations) if not n.startswith("_")])


def test_status_is_told_over_the_control_port(lab, control):
    assert LabClient(lab.folder.root).status() == lab.status()


def test_without_the_token_nothing_is_told(lab, control):
    facts = json.loads(lab.folder.control.read_text())
    body = json.dumps({"method": "vms"})
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": facts["token"]}):
        connection = http.client.HTTPConnection("127.0.0.1", facts["port"], timeout=5)
        connection.request("POST", "/", body, header)
        assert connection.getresponse().status == 401
        connection.close()
    assert lab.folder.control.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "request_body",
    [b"", b"[]", b"{}", b'{"method": "nothing"}', b'{"method": "vm"}', b'{"method": "_vm_view"}'],
)
def test_questions_that_are_none_are_refused(lab, control, request_body):
    token = json.loads(lab.folder.control.read_text())["token"]
    status, answer = control.answer(f"Bearer {token}", request_body)
    assert (int(status), answer["error"]["code"]) == (409, "usage")


def test_a_lab_that_does_not_run_is_told(tmp_path, lab, control):
    with pytest.raises(UnreachableError) as error:
        LabClient(tmp_path / "none").status()
    assert "safepoint lab up" in error.value.hint
    control.stopped.set()
    left = lab.folder.control.read_text()
    other = tmp_path / "other"
    (other / "daemon").mkdir(parents=True)
    with_dead_port = json.loads(left) | {"port": 1}
    (other / "daemon" / "control.json").write_text(json.dumps(with_dead_port))
    with pytest.raises(UnreachableError):
        LabClient(other).vms()


def test_stopping_is_asked_for(lab, control):
    asked = threading.Thread(target=LabClient(lab.folder.root).stop)
    asked.start()
    assert control.stopped.wait(10)
    asked.join()
