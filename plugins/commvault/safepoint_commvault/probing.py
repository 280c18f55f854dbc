"""Who answers, what is in the way, and what this very system can do."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from safepoint.drivers import Ability, Support, SupportLevel
from safepoint.errors import DriverError, NotFoundError, PermanentError, ProtocolError
from safepoint.models.systems import ClusterInfo, NodeHealth, SystemInfo
from safepoint_commvault.client import CommvaultClient
from safepoint_commvault.settings import CommvaultSettings
from safepoint_commvault.wire.objects import ClientNode

__all__ = ["probe", "support"]

log = logging.getLogger(__name__)

_PRODUCT: Final = "Commvault"
#: Numbers of the vendor's SDK [S].
_ACTIVITIES: Final[Mapping[int, str]] = {1: "backup", 2: "restore", 128: "every activity"}
_INSTALL_HINT: Final = "`safepoint apply` installs it; `pushInstall: false` leaves that to you."


def probe(client: CommvaultClient, clusters: Sequence[ClusterInfo], now: datetime) -> SystemInfo:
    """Look. What is wrong is said, not raised."""
    try:
        serve = client.machines.comm_serve()
        machines = client.machines.access_nodes()
    except DriverError as error:
        problem = f"{error.message} ({error.hint})" if error.hint else error.message
        return SystemInfo(product=_PRODUCT, probed_at=now, problems=(problem,))
    problems = (_NO_V4,) if not has_v4(client) else tuple(_switched_off(client))
    return SystemInfo(
        product=f"{_PRODUCT} ({serve.name or serve.host_name})",
        version=serve.version or f"11 SP{serve.service_pack}",
        probed_at=now,
        nodes=tuple(_nodes(clusters, machines)),
        problems=problems,
    )


def _switched_off(client: CommvaultClient) -> Iterator[str]:
    """Tell what nobody could run because it is switched off for the whole CommCell."""
    try:
        off = {one.type for one in client.machines.activities() if not one.enabled}
    except PermanentError as error:
        # Older ones cannot be asked, and not every account may ask: a run still tells.
        log.info("activity control is not told: %s", error.message)
        return
    for number, name in _ACTIVITIES.items():
        if number in off:
            yield f"{name} is switched off for the whole CommCell (activity control)"


def _nodes(
    clusters: Sequence[ClusterInfo], machines: Sequence[ClientNode]
) -> Iterator[NodeHealth]:
    for cluster in clusters:
        for node in cluster.nodes:
            found = any(machine.is_called(node.name) for machine in machines)
            yield NodeHealth(
                cluster=cluster.name,
                node=node.name,
                reachable=found,
                can_manage=found,
                problem="" if found else "no Virtual Server Agent",
                hint="" if found else _INSTALL_HINT,
            )


_NO_V4: Final = "the web service has no V4 hypervisors: too old to be managed by declaration"


def has_v4(client: CommvaultClient) -> bool:
    """Tell whether the newer dialect is there."""
    try:
        client.hypervisors.all()
    except (NotFoundError, ProtocolError):
        return False
    return True


def support(client: CommvaultClient, settings: CommvaultSettings) -> Mapping[Ability, Support]:
    """Answer for every ability.

    Raises:
        DriverError: the CommServe cannot be asked.
    """
    yes = Support(level=SupportLevel.SUPPORTED)
    is_new = has_v4(client)
    work = yes if is_new else Support(level=SupportLevel.NOT_AVAILABLE, reason=_NO_V4)
    return {
        Ability.MANAGE: _manage(settings, is_new=is_new),
        Ability.RUN_JOBS: work,
        Ability.SUSPEND_RUNS: work,
        Ability.RESTORE: work,
        Ability.CHECKPOINT: _never("its agents make and remove checkpoints themselves"),
        Ability.INSPECT_STORAGE: _never("shares are looked at through the hosts, not through it"),
        Ability.COPY: _never("its agents copy by themselves"),
        Ability.REPLICATE: _later("its own replication (Live Sync) is not driven"),
        Ability.HOLD_POINTS: _later("pinning of jobs is not driven yet"),
        Ability.INSTANT_RECOVERY: _later(
            "running a VM from its backup (Live Mount) is not driven"
        ),
        Ability.VERIFY: _later("application validation is not driven"),
    }


def _manage(settings: CommvaultSettings, *, is_new: bool) -> Support:
    if not is_new:
        return Support(level=SupportLevel.NOT_AVAILABLE, reason=_NO_V4)
    if not settings.hyperv_username:
        reason = "the connection has no account for the clusters (hypervUsername)"
        return Support(level=SupportLevel.NOT_AVAILABLE, reason=reason)
    return Support(level=SupportLevel.SUPPORTED)


def _never(reason: str) -> Support:
    return Support(level=SupportLevel.NEVER, reason=reason)


def _later(reason: str) -> Support:
    return Support(level=SupportLevel.NOT_IMPLEMENTED, reason=reason)
