"""What this connected server can do, and why not: by revision, edition and licence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from safepoint.drivers import Ability, Support, SupportLevel
from safepoint_veeam.revisions import has_hyperv, is_at_least
from safepoint_veeam.wire.objects import LicenseInfo

__all__ = ["support_of"]

_NEVER: Final[Mapping[Ability, str]] = {
    Ability.CHECKPOINT: "Veeam makes and removes its own checkpoints; the hosts show them",
    Ability.COPY: "Veeam moves the bytes itself",
    Ability.INSPECT_STORAGE: "the hosts' own connection shows the files on their shares",
    Ability.SUSPEND_RUNS: "Veeam stops a job; it cannot pause one",
}
_NOT_BY_REST: Final[Mapping[Ability, str]] = {
    Ability.REPLICATE: "no revision of the REST API has Hyper-V replica jobs",
}
_NOT_YET: Final[Mapping[Ability, str]] = {
    Ability.HOLD_POINTS: "this plugin does not forecast or pin Veeam's points yet",
    Ability.VERIFY: "this plugin does not start Veeam's health check or SureBackup yet",
}
_NEEDS_HYPERV: Final = (
    Ability.MANAGE,
    Ability.RUN_JOBS,
    Ability.RESTORE,
    Ability.INSTANT_RECOVERY,
)


def support_of(revision: str, license_info: LicenseInfo | None) -> Mapping[Ability, Support]:
    """Return the answer for every ability.

    Args:
        revision: What both sides speak.
        license_info: None when the account may not read it; then the licence is not judged.
    """
    answers: dict[Ability, Support] = {}
    for ability in Ability:
        level, reason = SupportLevel.NOT_IMPLEMENTED, "this plugin does not offer it yet"
        if ability in _NEVER:
            level, reason = SupportLevel.NEVER, _NEVER[ability]
        elif ability in _NOT_BY_REST:
            level, reason = SupportLevel.NOT_AVAILABLE, _NOT_BY_REST[ability]
        elif ability in _NOT_YET:
            reason = _NOT_YET[ability]
        elif ability in _NEEDS_HYPERV:
            why_not = _why_not(ability, revision, license_info)
            level = SupportLevel.NOT_AVAILABLE if why_not else SupportLevel.SUPPORTED
            reason = why_not or _remark(ability, revision)
        answers[ability] = Support(level=level, reason=reason)
    return answers


def _why_not(ability: Ability, revision: str, license_info: LicenseInfo | None) -> str:
    if not has_hyperv(revision):
        return (
            f"revision {revision} of the REST API knows no Hyper-V; it came with VBR 13.0 "
            "(1.3-rev0). Until then only the product's PowerShell module can do it"
        )
    if license_info is None:
        return ""
    if license_info.edition.casefold() == "community":
        return "the Community Edition has no REST API for this"
    state = license_info.status.casefold()
    if state != "valid" and ability is Ability.RUN_JOBS:
        return f"the licence is {state}: Veeam runs no job"
    return ""


def _remark(ability: Ability, revision: str) -> str:
    """Return what is missing in a supported ability."""
    if ability is Ability.RUN_JOBS and not is_at_least(revision, "1.3-rev2"):
        return "whole jobs only; a single VM can be backed up from VBR 13.1 (1.3-rev2) on"
    if ability is Ability.RESTORE:
        return "entire VMs; the REST API cannot restore single Hyper-V disks"
    return ""
