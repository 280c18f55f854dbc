"""Configurations: captured from a VM or from what a checkpoint froze, kept as plain JSON."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from safepoint.errors import NotFoundError
from safepoint_native.hyperv.configuration import MachineConfiguration, capture_configuration

A = "AAAAAAAA-6C1D-4E0E-9C55-3C2B7A6D1E01"
CP = "C1C1C1C1-22B8-4C0B-8E6C-0A4B5B0F7A11"


def devices(host: Any, owner: str, path: str, processors: int = 4) -> None:
    host.controller(owner)
    host.disk(owner, path)
    host.add(
        "Msvm_ProcessorSettingData",
        InstanceID=rf"Microsoft:{owner}\P\0",
        VirtualQuantity=processors,
        Reservation=0,
        Limit=100000,
        Weight=100,
    )
    host.add(
        "Msvm_MemorySettingData",
        InstanceID=rf"Microsoft:{owner}\M",
        VirtualQuantity=4096,
        Reservation=512,
        Limit=8192,
        DynamicMemoryEnabled=True,
        TargetMemoryBuffer=20,
        Weight=5000,
    )
    adapter = rf"Microsoft:{owner}\N"
    host.add(
        "Msvm_SyntheticEthernetPortSettingData",
        InstanceID=adapter,
        ElementName="lan",
        Address="00155D010203",
        StaticMacAddress=True,
    )
    parent = host.ref("Msvm_SyntheticEthernetPortSettingData", InstanceID=adapter)
    host.add(
        "Msvm_EthernetPortAllocationSettingData",
        InstanceID=rf"{adapter}\C",
        Parent=parent.path("HV01"),
        LastKnownSwitchName="prod",
    )


def test_everything_that_is_needed_to_make_it_again(host: Any) -> None:
    host.machine(A, "sql01")
    setting = next(r for r in host.rows if r.class_name == "Msvm_VirtualSystemSettingData")
    setting.properties |= {
        "SecureBootEnabled": True,
        "SecureBootTemplateId": "1734C6E8-3154-4DDA-BA5F-A874CC483422",
        "Notes": ["for the shop"],
        "AutomaticStartupAction": 3,
        "AutomaticShutdownAction": 4,
    }
    devices(host, A, r"\\fs01\v\d.vhdx")

    found = capture_configuration(host.client, A)

    assert found.model_dump(exclude={"not_captured"}) == {
        "format": "safepoint/hyperv-machine/1",
        "id": A,
        "name": "sql01",
        "generation": 2,
        "version": "10.0",
        "folder": r"\\fs01\vmstore1\vm",
        "notes": "for the shop",
        "processor": {"count": 4, "reservation": 0, "limit": 100000, "weight": 100},
        "memory": {
            "startup_mib": 4096,
            "minimum_mib": 512,
            "maximum_mib": 8192,
            "is_dynamic": True,
            "buffer_percent": 20,
            "weight": 5000,
        },
        "secure_boot": True,
        "secure_boot_template": "1734C6E8-3154-4DDA-BA5F-A874CC483422",
        "user_checkpoint_type": 3,
        "start_action": 3,
        "stop_action": 4,
        "controllers": ({"kind": "scsi", "number": 0},),
        "disks": (
            {
                "name": "scsi0-0",
                "controller": "scsi",
                "number": 0,
                "position": 0,
                "path": r"\\fs01\v\d.vhdx",
                "is_protectable": True,
            },
        ),
        "adapters": (
            {"name": "lan", "mac": "00155D010203", "has_static_mac": True, "switch": "prod"},
        ),
    }
    assert "virtual TPM and shielding keys" in found.not_captured


def test_a_checkpoint_gives_what_it_froze(host: Any) -> None:
    host.machine(A, "sql01")
    devices(host, A, r"\\fs01\v\d_1.avhdx", processors=8)
    host.setting(CP, A, "Snapshot:Recovery", ElementName="a checkpoint")
    devices(host, CP, r"\\fs01\v\d.vhdx", processors=4)

    found = capture_configuration(host.client, CP.lower())

    assert found.id == A
    assert found.processor is not None
    assert found.processor.count == 4
    assert [disk.path for disk in found.disks] == [r"\\fs01\v\d.vhdx"]


def test_it_survives_json(host: Any) -> None:
    host.machine(A, "sql01")
    devices(host, A, r"\\fs01\v\d.vhdx")
    found = capture_configuration(host.client, A)

    assert MachineConfiguration.model_validate_json(found.model_dump_json()) == found


def test_what_a_host_does_not_say_is_left_open(host: Any) -> None:
    host.machine(A, "bare")
    found = capture_configuration(host.client, A)

    assert (found.processor, found.memory, found.secure_boot) == (None, None, None)
    assert (found.disks, found.adapters, found.controllers) == ((), (), ())


def test_another_form_is_refused() -> None:
    with pytest.raises(ValidationError):
        MachineConfiguration.model_validate(
            {"format": "other/1", "id": A, "name": "x", "generation": 2}
        )


def test_nothing_of_this_id_is_not_found(host: Any) -> None:
    with pytest.raises(NotFoundError, match="no settings of"):
        capture_configuration(host.client, A)
