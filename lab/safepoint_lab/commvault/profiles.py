"""Which release the simulator plays."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PROFILES", "Profile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One release.

    Attributes:
        name: How the lab names it.
        release: The feature release of ``CommServ`` [X].
        v4: Whether the V4 dialect is there. In which release each part of it came is not known
            for certain [?], so the profile without it bears no number.
        access_token_seconds: Life of an access token: 2 h in 11.44, 30 min before [D].
    """

    name: str
    release: int
    v4: bool = True
    access_token_seconds: int = 1800


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("11.44", 44, access_token_seconds=7200),
        Profile("11.40", 40),
        Profile("no-v4", 24, v4=False),
    )
}
