"""Small readable JSON files that notice every changed byte of themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from blake3 import blake3

from safepoint.errors import DamagedDataError

__all__ = ["parse", "render"]


def render(facts: Mapping[str, Any]) -> bytes:
    """Return the file form: indented JSON whose last field is the digest of the rest."""
    plain = json.dumps(dict(facts), indent=2, sort_keys=True, ensure_ascii=False)
    digest = blake3(plain.encode()).hexdigest()
    return (
        json.dumps(
            {**dict(sorted(facts.items())), "~digest": digest}, indent=2, sort_keys=True
        ).encode()
        + b"\n"
    )


def parse(data: bytes, where: str) -> dict[str, Any]:
    """Read the file form; `where` names the file in errors.

    Raises:
        DamagedDataError: a byte is not what was written.
    """
    try:
        facts = json.loads(data)
        facts.pop("~digest", None)
        fits = render(facts) == data
    except (ValueError, AttributeError, TypeError) as error:
        msg = f"{where}: not readable ({error})"
        raise DamagedDataError(msg) from error
    if not fits:
        msg = f"{where}: digest does not fit"
        raise DamagedDataError(msg)
    return dict(facts)
