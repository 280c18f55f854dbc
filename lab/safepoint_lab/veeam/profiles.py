"""Which product the simulator plays: build, REST revisions, whether REST knows Hyper-V."""

from __future__ import annotations

from dataclasses import dataclass

from safepoint.errors import UnknownNameError

__all__ = ["PROFILES", "REV2", "Profile", "find_profile"]

REV2 = "1.3-rev2"


@dataclass(frozen=True, slots=True)
class Profile:
    """One product version.

    Attributes:
        name: How tests and the lab name it.
        build: `serverInfo.buildVersion` [S].
        revisions: Accepted values of `x-api-version`, newest first. Real servers accept further
            older ones [S]; the simulator speaks only those it plays exactly.
        hyperv: False for 12.x: no Hyper-V infrastructure, jobs, inventory, restore by REST [S].
    """

    name: str
    build: str
    revisions: tuple[str, ...]
    hyperv: bool = True


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("1.3-rev1", "13.0.1.180", ("1.3-rev1",)),
        Profile(REV2, "13.1.0.411", (REV2, "1.3-rev1")),
        Profile("12.3", "12.3.1.1139", ("1.2-rev1",), hyperv=False),
    )
}


def find_profile(name: str) -> Profile:
    """Return a profile by name; `UnknownNameError` when there is none."""
    if name not in PROFILES:
        message = f"no Veeam profile is called '{name}'"
        raise UnknownNameError(message, hint=f"One of: {', '.join(PROFILES)}.")
    return PROFILES[name]
