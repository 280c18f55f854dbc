"""Armed faults, dead nodes and missing rights on the wire of a node."""

from __future__ import annotations

import pytest
import requests
from tests.lab.hyperv.conftest import SQL, V2, WEB, HostClient, MemoryWorld, text, vm_ref
from tests.lab.wsman.conftest import GET, selector_set
from tests.lab.wsman.test_clients import pywinrm
from winrm.exceptions import InvalidCredentialsError, WinRMTransportError, WSManFaultError

from safepoint_lab.hyperv.wire_faults import WireFaults
from safepoint_lab.world.catalogue import CATALOGUE, Fault
from safepoint_lab.wsman import Exchange, Moment

SYSTEMS = "SELECT * FROM Msvm_ComputerSystem"
SNAPSHOTS = "Msvm_VirtualSystemSnapshotService"
CREATE = "<m:AffectedSystem>{}</m:AffectedSystem><m:SnapshotType>32768</m:SnapshotType>"


def status_and_code(client: HostClient, guid: str = SQL) -> tuple[int, int]:
    """Get a VM; return the HTTP status and the code of a fault in the answer."""
    keys = selector_set(CreationClassName="Msvm_ComputerSystem", Name=guid)
    envelope = client.envelope(GET, f"{V2}/Msvm_ComputerSystem", selectors=keys)
    response = client.post(envelope)
    code = response.text.partition('Code="')[2].partition('"')[0]
    return response.status_code, int(code or 0)


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("access-denied", {}, (500, 5)),
        ("operation-timeout", {}, (500, 2150858793)),
        ("envelope-too-large", {}, (500, 2150858824)),
        ("quota", {}, (500, 2150858815)),
        ("namespace-denied", {}, (500, 5)),
        ("namespace-missing", {"namespace": "root/virtualization/v2"}, (500, 2150858752)),
        ("http-503", {}, (503, 0)),
        ("http-413", {}, (413, 0)),
        ("html-instead-of-soap", {}, (200, 0)),
        ("fault-in-200", {}, (200, 2150859010)),
        ("ntlm-reuse-broken", {}, (401, 0)),
        ("slow", {"seconds": "0.01"}, (200, 0)),
    ],
)
def test_an_armed_fault_strikes_once(
    hv01: HostClient,
    hv02: HostClient,
    world: MemoryWorld,
    name: str,
    parameters: dict[str, str],
    expected: tuple[int, int],
) -> None:
    world.faults.arm(name, node="hv01", parameters=parameters)
    assert hv02.rows(SYSTEMS)
    assert status_and_code(hv01) == expected
    assert status_and_code(hv01) == (200, 0)
    assert world.faults.armed() == ()


@pytest.mark.parametrize(
    ("name", "has_effect"),
    [("lost-answer-create", True), ("lost-answer", True), ("node-unreachable", False)],
)
def test_a_lost_answer(hv01: HostClient, world: MemoryWorld, name: str, has_effect: bool) -> None:
    assert status_and_code(hv01) == (200, 0)
    world.faults.arm(name, vm="sql01")
    with pytest.raises(requests.exceptions.ConnectionError):
        hv01.call(SNAPSHOTS, "CreateSnapshot", CREATE.format(vm_ref(SQL)))
    assert len(world.all_jobs) == int(has_effect)


def test_a_fault_of_one_machine_spares_the_others(hv01: HostClient, world: MemoryWorld) -> None:
    world.faults.arm("http-503", vm="web01")
    assert status_and_code(hv01) == (200, 0)
    assert status_and_code(hv01, WEB) == (503, 0)


def test_a_checkpoint_belongs_to_its_machine(hv01: HostClient, world: MemoryWorld) -> None:
    made = world.add_checkpoint(WEB)
    world.faults.arm("http-503", vm=WEB)
    keys = selector_set(InstanceID=f"Microsoft:{made.guid}")
    uri = f"{V2}/Msvm_VirtualSystemSettingData"
    assert hv01.post(hv01.envelope(GET, uri, selectors=keys)).status_code == 503


def test_a_fault_of_a_namespace_waits_for_it(hv01: HostClient, world: MemoryWorld) -> None:
    world.faults.arm("namespace-missing")
    assert status_and_code(hv01) == (200, 0)
    assert len(world.faults.armed()) == 1
    uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/MSCluster/MSCluster_Cluster"
    keys = selector_set(Name="c1")
    assert "2150858752" in hv01.post(hv01.envelope(GET, uri, selectors=keys)).text


def test_a_wrong_password(hv01: HostClient, world: MemoryWorld) -> None:
    world.faults.arm("wrong-password", node="hv01", times=None)
    client = pywinrm(hv01.url)
    with pytest.raises(InvalidCredentialsError):
        client.send_message("<x/>")
    assert hv01.post("<x/>").status_code == 401
    world.faults.clear()
    assert status_and_code(hv01) == (200, 0)


def test_an_account_without_hyper_v_rights_sees_nothing(
    hv01: HostClient, world: MemoryWorld
) -> None:
    world.node("hv01").rights.hyperv_admin = False
    assert hv01.rows(SYSTEMS) == []
    assert hv01.rows("SELECT * FROM Msvm_VirtualSystemSettingData") == []
    answer = hv01.call(SNAPSHOTS, "CreateSnapshot", CREATE.format(vm_ref(SQL)))
    assert text(answer, "ReturnValue") == "32769"
    world.node("hv01").rights.hyperv_admin = True
    assert len(hv01.rows(SYSTEMS)) == 3


def test_rights_of_the_account(hv01: HostClient, world: MemoryWorld) -> None:
    rights = world.node("hv01").rights
    rights.denied_namespaces.add("root/virtualization/v2")
    assert status_and_code(hv01) == (500, 5)
    assert hv01.rows("SELECT * FROM Win32_OperatingSystem", "root/cimv2")
    rights.winrm = False
    with pytest.raises(WSManFaultError):
        pywinrm(hv01.url).send_message(hv01.envelope(GET, f"{V2}/Msvm_ComputerSystem"))


def test_a_dead_node_closes_every_connection(
    hv01: HostClient, hv02: HostClient, world: MemoryWorld
) -> None:
    assert status_and_code(hv01) == (200, 0)
    world.fail_node("hv01")
    for _ in range(2):
        with pytest.raises(requests.exceptions.ConnectionError):
            status_and_code(hv01)
    assert hv02.rows(SYSTEMS)
    world.restore_node("hv01")
    assert status_and_code(hv01) == (200, 0)


def test_a_session_that_lost_its_login(hv01: HostClient, world: MemoryWorld) -> None:
    client = pywinrm(hv01.url)
    keys = selector_set(CreationClassName="Msvm_ComputerSystem", Name=SQL)
    envelope = hv01.envelope(GET, f"{V2}/Msvm_ComputerSystem", selectors=keys)
    assert client.send_message(envelope)
    world.faults.arm("ntlm-reuse-broken")
    with pytest.raises((InvalidCredentialsError, WinRMTransportError)):
        client.send_message(envelope)
    assert pywinrm(hv01.url).send_message(envelope)


def test_an_effect_can_be_chosen(hv01: HostClient, world: MemoryWorld) -> None:
    world.faults.arm(
        "operation-timeout", operation="*.CreateSnapshot", parameters={"effect": "after"}
    )
    uri = f"{V2}/{SNAPSHOTS}"
    arguments = CREATE.format(vm_ref(SQL))
    body = f'<m:CreateSnapshot_INPUT xmlns:m="{uri}">{arguments}</m:CreateSnapshot_INPUT>'
    keys = selector_set(CreationClassName=SNAPSHOTS)
    response = hv01.post(hv01.envelope(f"{uri}/CreateSnapshot", uri, body, selectors=keys))
    assert "2150858793" in response.text
    assert len(world.all_jobs) == 1


@pytest.mark.parametrize("fault", [f for f in CATALOGUE if f.wire], ids=lambda f: f.name)
def test_the_wire_knows_every_treatment_of_the_catalogue(world: MemoryWorld, fault: Fault) -> None:
    namespace = fault.parameters.get("namespace", "")
    moment = Moment.LOGIN if fault.wire == "unauthorized" else Moment.REQUEST
    world.faults.arm(fault.name, operation="*")
    order = WireFaults(world, "hv01")(Exchange("hv01", "Get", namespace), moment)
    assert order is not None
