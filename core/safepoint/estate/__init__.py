"""Estate documents: read, check, and hand over as one immutable whole."""

from __future__ import annotations

from safepoint.estate.estate import Estate, LoadedDocument
from safepoint.estate.loading import CheckedEstate, check_estate, check_text, load_estate

__all__ = [
    "CheckedEstate",
    "Estate",
    "LoadedDocument",
    "check_estate",
    "check_text",
    "load_estate",
]
