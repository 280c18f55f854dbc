"""Digests of resources, changes and plans: equal content, equal digest, on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from safepoint.models.plans import PlannedChange
from safepoint.models.resources import Resource

__all__ = ["change_digest", "resource_digest"]


def resource_digest(resource: Resource) -> str:
    """Return a digest of what is managed of an object; what is only known does not count."""
    return _digest(
        [
            resource.address,
            resource.attributes.plain(),
            resource.marker.text if resource.marker else "",
            str(resource.native or ""),
        ]
    )


def change_digest(change: PlannedChange) -> str:
    """Return a digest of what a change starts from and leads to."""
    return _digest(
        [
            change.connection,
            change.address,
            change.action.value,
            resource_digest(change.before) if change.before else "",
            resource_digest(change.after) if change.after else "",
        ]
    )


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
