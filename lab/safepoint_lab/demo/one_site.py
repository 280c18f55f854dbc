"""The estate before a second site was bought: what the first acts are played on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["one_site"]

_LATER: Final = frozenset({"Replica", "ReplicaGroup"})


def one_site(estate: Path) -> Path:
    """Write an estate with the first cluster only beside the whole one, and return its path."""
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(estate.read_text(encoding="utf-8")))
    clusters = [one for one in documents if one["kind"] == "Cluster"]
    kept = [
        one
        for one in documents
        if one["kind"] not in _LATER and (one["kind"] != "Cluster" or one is clusters[0])
    ]
    copy = estate.with_name("estate-one-site.yaml")
    copy.write_text(yaml.safe_dump_all(kept, sort_keys=False, width=100), encoding="utf-8")
    return copy
