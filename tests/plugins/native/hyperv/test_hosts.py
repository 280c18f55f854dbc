"""Probing: no Hyper-V, no rights and no VMs are three different things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from safepoint.errors import AuthenticationError, NotFoundError, PermissionDeniedError
from safepoint_lab.hyperv import schemas
from safepoint_native.cim import AnswerTooLargeError, CimClient
from safepoint_native.hyperv.hosts import ENVELOPE_BYTES, largest_envelope, probe_host

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def healthy(host: Any) -> Any:
    host.service("Msvm_VirtualSystemManagementService")
    host.add(
        "Win32_OperatingSystem",
        schemas.CIMV2,
        CSName="HV01",
        Version="10.0.20348",
        BuildNumber="20348",
        LocalDateTime=NOW + timedelta(seconds=90),
    )
    return host


def probe(host: Any) -> Any:
    return probe_host(host.client, now=lambda: NOW)


def test_a_healthy_host(healthy: Any) -> None:
    facts = probe(healthy)

    assert (facts.node, facts.computer_name) == ("hv01", "HV01")
    assert (facts.version, facts.build) == ("10.0.20348", "20348")
    assert (facts.has_hyperv, facts.can_manage, facts.problem) == (True, True, None)
    assert facts.clock_skew_seconds == 90.0


def test_a_host_without_hyperv(healthy: Any) -> None:
    healthy.lacks.add(schemas.VIRTUALIZATION)
    facts = probe(healthy)

    assert (facts.has_hyperv, facts.can_manage) == (False, False)
    assert isinstance(facts.problem, NotFoundError)
    assert "has no Hyper-V" in facts.problem.message
    assert facts.problem.hint


@pytest.mark.parametrize("hidden", ["Msvm_VirtualSystemManagementService", "Msvm_ComputerSystem"])
def test_an_account_without_rights_sees_nothing(healthy: Any, hidden: str) -> None:
    healthy.rows[:] = [row for row in healthy.rows if row.class_name != hidden]
    facts = probe(healthy)

    assert (facts.has_hyperv, facts.can_manage) == (True, False)
    assert isinstance(facts.problem, PermissionDeniedError)
    assert "Hyper-V Administrators" in facts.problem.hint


def test_a_time_that_may_not_be_read_is_unknown(healthy: Any) -> None:
    healthy.lacks.add(schemas.CIMV2)
    facts = probe(healthy)

    assert facts.clock_skew_seconds is None
    assert facts.can_manage is True
    assert "Stack" in facts.version
    assert isinstance(facts.problem, NotFoundError)


def test_a_host_that_refuses_the_login_raises(healthy: Any) -> None:
    healthy.spoil = lambda _envelope: AuthenticationError("refused")

    with pytest.raises(AuthenticationError):
        probe(healthy)


@pytest.mark.parametrize("limit", ENVELOPE_BYTES)
def test_the_largest_envelope_a_host_takes_is_found(healthy: Any, limit: int) -> None:
    def client(size: int) -> CimClient:
        healthy.spoil = lambda _e: AnswerTooLargeError("too large") if size > limit else None
        return CimClient(healthy, node="hv01", max_envelope_bytes=size)

    assert largest_envelope(client) == limit


def test_a_host_that_takes_no_envelope_at_all_is_an_error(healthy: Any) -> None:
    healthy.spoil = lambda _e: AnswerTooLargeError("too large")

    with pytest.raises(AnswerTooLargeError):
        largest_envelope(lambda size: CimClient(healthy, node="hv01", max_envelope_bytes=size))
