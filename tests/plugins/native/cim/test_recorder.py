"""Recordings: what was said can be played back, and no secret is ever written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import ConfigError, ProtocolError
from safepoint_native.cim import CimClient, CimRef
from safepoint_native.cim.recorder import RecordingTransport, ReplayTransport

V2 = "root/virtualization/v2"
JOB = CimRef(V2, "Msvm_ConcreteJob", (("InstanceID", "J1"),))


def record(folder: Path, soap: Any, scripted: Any, *answers: Any, **options: Any) -> CimClient:
    _, host = scripted(*answers)
    recorder = RecordingTransport(host, folder, **options)
    return CimClient(recorder, node="hv01", address="https://hv01.corp.local:5986/wsman")


def job(soap: Any, percent: int, more: str = "") -> Any:
    inner = f"<p:JobState>4</p:JobState><p:PercentComplete>{percent}</p:PercentComplete>{more}"
    return soap.answer(soap.instance("Msvm_ConcreteJob", inner))


def test_a_conversation_is_played_back_in_order(tmp_path: Path, soap: Any, scripted: Any) -> None:
    client = record(tmp_path, soap, scripted, job(soap, 10), job(soap, 60))
    recorded = [client.job(JOB).percent for _ in range(2)]

    replayed = CimClient(ReplayTransport(tmp_path), node="hv99", address="http://elsewhere/wsman")
    assert [replayed.job(JOB).percent for _ in range(3)] == [*recorded, 60]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0001-Get.answer.xml",
        "0001-Get.request.xml",
        "0002-Get.answer.xml",
        "0002-Get.request.xml",
    ]


def test_neither_secrets_nor_names_nor_ids_are_written(
    tmp_path: Path, soap: Any, scripted: Any
) -> None:
    more = "<p:Owner>CORP\\svc</p:Owner><p:Note>the word is Pa55word!</p:Note>"
    client = record(
        tmp_path,
        soap,
        scripted,
        job(soap, 10, more),
        replace={"hv01.corp.local": "hv01.example", "CORP\\svc": "LAB\\user"},
        secrets=("pa55word!", ""),
    )
    client.job(JOB)

    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "corp" not in written.lower()
    assert "pa55word" not in written.lower()
    assert "LAB\\user" in written
    assert "the word is ***" in written
    assert "uuid:REQUEST" in written


def test_two_recordings_of_the_same_thing_are_equal(
    tmp_path: Path, soap: Any, scripted: Any
) -> None:
    for name in ("a", "b"):
        record(tmp_path / name, soap, scripted, job(soap, 10)).job(JOB)

    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_the_name_of_the_machine_in_a_fault_is_not_written(
    tmp_path: Path, soap: Any, scripted: Any
) -> None:
    fault = soap.answer(soap.fault(5).replace('Machine="hv01"', 'Machine="secret-host"'))
    client = record(tmp_path, soap, scripted, fault)
    with pytest.raises(Exception, match="access denied"):
        client.job(JOB)

    assert "secret-host" not in (tmp_path / "0001-Get.answer.xml").read_text()


def test_an_answer_in_utf16_is_recorded_as_utf8(tmp_path: Path, soap: Any, scripted: Any) -> None:
    def wide(request: str) -> bytes:
        text = job(soap, 30)(request).decode()
        return f'<?xml version="1.0" encoding="utf-16"?>{text}'.encode("utf-16")

    client = record(tmp_path, soap, scripted, wide)
    assert client.job(JOB).percent == 30

    assert CimClient(ReplayTransport(tmp_path), node="x").job(JOB).percent == 30


def test_a_request_that_was_not_recorded_is_an_error(
    tmp_path: Path, soap: Any, scripted: Any
) -> None:
    record(tmp_path, soap, scripted, job(soap, 10)).job(JOB)
    replayed = CimClient(ReplayTransport(tmp_path), node="hv01")

    with pytest.raises(ProtocolError, match="no answer to Identify"):
        replayed.identify()


def test_a_folder_with_a_recording_is_not_overwritten(
    tmp_path: Path, soap: Any, scripted: Any
) -> None:
    record(tmp_path, soap, scripted, job(soap, 10)).job(JOB)

    with pytest.raises(ConfigError, match="recording in"):
        record(tmp_path, soap, scripted)


def test_an_empty_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no recording"):
        ReplayTransport(tmp_path)
