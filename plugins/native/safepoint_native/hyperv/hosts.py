"""What a host is and what is in the way: version, rights, clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from safepoint.errors import DriverError, NotFoundError, PermissionDeniedError
from safepoint_native.cim.client import CimClient
from safepoint_native.cim.faults import AnswerTooLargeError, ClassAbsentError
from safepoint_native.hyperv.inventory import no_rights
from safepoint_native.hyperv.schema import CIMV2, COMPUTER_SYSTEM, MANAGEMENT_SERVICE, V2

__all__ = ["ENVELOPE_BYTES", "HostFacts", "largest_envelope", "probe_host"]

#: Envelope sizes worth trying, largest first: the default of current hosts, and of old ones.
ENVELOPE_BYTES: Final = (512_000, 153_600, 65_536, 32_768, 8_192)


@dataclass(frozen=True)
class HostFacts:
    """A host that answered, and what it lets this account do."""

    node: str
    computer_name: str
    version: str
    """Of Windows, such as ``10.0.20348``; empty when it may not be read."""
    build: str
    has_hyperv: bool
    can_manage: bool
    """True when the account sees the management service and the host itself."""
    clock_skew_seconds: float | None
    """Host clock minus ours; None when the host's time may not be read."""
    problem: DriverError | None = None
    """What is in the way; None when all is well."""


def probe_host(client: CimClient, *, now: Callable[[], datetime]) -> HostFacts:
    """Look who answers. Not being reachable or logged in raises; missing rights are data.

    Args:
        client: The node.
        now: Our clock, aware UTC.

    Raises:
        UnreachableError: no connection.
        AuthenticationError: wrong credentials.
        CertificateError: the host is not trusted.
    """
    product = client.identify()
    problem: DriverError | None = None
    name = version = build = ""
    skew: float | None = None
    try:
        before = now()
        rows = client.query(CIMV2, "SELECT * FROM Win32_OperatingSystem")
        host_time = rows[0].moment("LocalDateTime") if rows else None
        after = now()
        if host_time is not None:
            skew = (host_time - (before + (after - before) / 2)).total_seconds()
        if rows:
            name = rows[0].text("CSName") or ""
            version = rows[0].text("Version") or ""
            build = rows[0].text("BuildNumber") or ""
    except (PermissionDeniedError, NotFoundError) as exc:
        problem = exc
    hyperv = _hyperv_problem(client)
    return HostFacts(
        node=client.node,
        computer_name=name,
        version=version or product.get("ProductVersion", ""),
        build=build,
        has_hyperv=not isinstance(hyperv, NotFoundError),
        can_manage=hyperv is None,
        clock_skew_seconds=skew,
        problem=hyperv or problem,
    )


def largest_envelope(sizes_to_client: Callable[[int], CimClient]) -> int:
    """Return the largest answer size of `ENVELOPE_BYTES` that a host agrees to.

    Args:
        sizes_to_client: Makes a client that announces this size.

    Raises:
        AnswerTooLargeError: not even the smallest is accepted.
    """
    for size in ENVELOPE_BYTES[:-1]:
        try:
            _smallest_read(sizes_to_client(size))
        except AnswerTooLargeError:
            continue
        return size
    _smallest_read(sizes_to_client(ENVELOPE_BYTES[-1]))
    return ENVELOPE_BYTES[-1]


def _smallest_read(client: CimClient) -> None:
    client.query(V2, f"SELECT * FROM {MANAGEMENT_SERVICE.class_name}", limit=1)  # noqa: S608  (a constant)


def _hyperv_problem(client: CimClient) -> DriverError | None:
    """Tell "no Hyper-V here" from "no rights" from "all is well".

    A host that refuses by showing nothing (inference) is told apart from one without VMs by
    the host object, which is always there for those who may see it.
    """
    try:
        services = client.query(V2, f"SELECT * FROM {MANAGEMENT_SERVICE.class_name}")  # noqa: S608  (a constant)
        systems = client.query(V2, f"SELECT * FROM {COMPUTER_SYSTEM}", limit=1)  # noqa: S608  (a constant)
    except NotFoundError as exc:
        hint = "Install the Hyper-V role, or take this host out of the cluster's node list."
        msg = f"{client.node}: this host has no Hyper-V"
        absent = ClassAbsentError(msg, hint=hint, operation=exc.operation, system=client.node)
        absent.__cause__ = exc
        return absent
    except PermissionDeniedError as exc:
        return exc
    return None if services and systems else no_rights(client.node)
