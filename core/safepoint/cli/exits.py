"""Exit codes that are not an error family's."""

from __future__ import annotations

from typing import Final

__all__ = ["EXIT_FINDINGS", "EXIT_INTERRUPTED"]

#: The command worked and found something, or only part of the work succeeded.
EXIT_FINDINGS: Final = 3
#: 128 + SIGINT, as shells expect.
EXIT_INTERRUPTED: Final = 130
