"""Where safepoint keeps its things on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_state_path

__all__ = ["HOME_VARIABLE", "state_dir"]

#: Overrides every location.
HOME_VARIABLE = "SAFEPOINT_HOME"


def state_dir() -> Path:
    """Return the folder of the journal and of the drivers' own data."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) if home else user_state_path("safepoint", appauthor=False)
