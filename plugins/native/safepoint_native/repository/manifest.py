"""Small readable JSON files that notice every changed byte of themselves.

The last field holds the BLAKE3 digest of the whole file with zeros in its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from blake3 import blake3

from safepoint.errors import DamagedDataError

__all__ = ["parse", "render"]

_FIELD = "~digest"  # sorts behind every other name
_NO_DIGEST = "0" * 64
_TAIL = b'"\n}\n'


def render(facts: Mapping[str, Any]) -> bytes:
    """Return the file form: indented JSON, the digest last."""
    body = json.dumps({**facts, _FIELD: _NO_DIGEST}, indent=2, sort_keys=True).encode() + b"\n"
    return _with_digest(body, blake3(body).hexdigest())


def parse(data: bytes, where: str) -> dict[str, Any]:
    """Read the file form; `where` names the file in errors.

    Raises:
        DamagedDataError: a byte is not what was written.
    """
    blank = _with_digest(data, _NO_DIGEST)
    if data != _with_digest(data, blake3(blank).hexdigest()):
        msg = f"{where}: digest does not fit"
        raise DamagedDataError(msg)
    facts = json.loads(data)
    del facts[_FIELD]
    return dict(facts)


def _with_digest(data: bytes, digest: str) -> bytes:
    """Put a digest where the digest of a manifest is."""
    end = len(data) - len(_TAIL)
    return data[: max(0, end - len(digest))] + digest.encode() + data[max(0, end) :]
