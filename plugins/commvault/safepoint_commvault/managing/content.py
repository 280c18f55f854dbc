"""Which VMs a VM group means: selectors in normal form, to rules on the wire and back.

A selector becomes one rule, or a group of rules that must all match. The top of `vmContent` adds
up, as the vendor's SDK builds it [S]; that is how its own examples read, not a documented promise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import product
from typing import Any, Final

from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob, Selector
from safepoint.models.workloads import Workload
from safepoint_commvault.wire.base import as_list

__all__ = ["Content", "from_wire", "selectors", "to_wire", "translated"]

# Kinds of rules [S].
_SERVER: Final = 1
_VM: Final = 9
_VM_NAME: Final = 10
_SHARE: Final = 19
_WILD: Final = frozenset("*?[")
#: `\\\\server\\share`, cut at every backslash.
_SHARE_PARTS: Final = 4
_KIND_OF: Final[Mapping[str, int]] = {"name": _VM_NAME, "node": _SERVER, "share": _SHARE}
_NAME_OF: Final[Mapping[int, str]] = {kind: name for name, kind in _KIND_OF.items()} | {
    _VM: "name"
}

#: One selector in normal form: `name`, `node` and `share`, or `native` for what we cannot say.
Rule = dict[str, str]


@dataclass(slots=True)
class Content:
    """What a job's selectors became."""

    include: list[Rule]
    exclude: list[Rule]
    include_notes: list[str] = field(default_factory=list)
    """What was approximated, in words."""
    exclude_notes: list[str] = field(default_factory=list)


class _NoRuleError(Exception):
    """No rule of the product says what a selector says; the text tells why."""


def normal(rules: Iterable[Rule]) -> list[Rule]:
    """Return rules in one order, none twice."""
    texts = {json.dumps(rule, sort_keys=True): rule for rule in rules}
    return [texts[text] for text in sorted(texts)]


# -- from documents ---------------------------------------------------------------------------


def translated(
    job: ProtectionJob, cluster: Cluster | None, workloads: Sequence[Workload]
) -> Content:
    """Return what the selectors of a job mean here.

    Patterns of names are the product's own. Patterns of hosts and shares become the hosts and
    shares of the cluster that match. What no rule says becomes the names of the VMs that are
    meant now; for an exclusion that is the list of what remains.

    Args:
        job: The job.
        cluster: Its cluster.
        workloads: The VMs that it means now.
    """
    content = Content([], [])
    for selector in job.spec.include:
        try:
            content.include += _rules(selector, cluster, content.include_notes)
        except _NoRuleError as why:
            content.include_notes.append(f"{why}: VMs by name instead, as they are now")
            content.include += _names(w for w in workloads if _selects(selector, w))
    try:
        for selector in job.spec.exclude:
            content.exclude += _rules(selector, cluster, content.exclude_notes)
    except _NoRuleError as why:
        content.exclude_notes.append(f"{why}: the VMs that remain are named, as they are now")
        content.include, content.exclude = _names(workloads), []
    content.include, content.exclude = normal(content.include), normal(content.exclude)
    return content


def _names(workloads: Iterable[Workload]) -> list[Rule]:
    return [{"name": workload.name} for workload in workloads]


def _rules(selector: Selector, cluster: Cluster | None, notes: list[str]) -> list[Rule]:
    parts: list[list[tuple[str, str]]] = []
    if selector.name is not None and set(selector.name) != {"*"}:
        if "[" in selector.name:
            msg = f"sets of characters ({selector.name}) are not known to be understood"
            raise _NoRuleError(msg)
        parts.append([("name", selector.name)])
    if selector.node is not None and set(selector.node) != {"*"}:
        nodes = _nodes(selector.node, cluster)
        if not nodes:
            msg = f"no host of the cluster is called {selector.node}"
            raise _NoRuleError(msg)
        if _WILD & set(selector.node):
            notes.append(f"the pattern {selector.node} became {', '.join(nodes)}")
        parts.append([("node", node) for node in nodes])
    if selector.share is not None:
        shares = _shares(selector.share, cluster)
        if not shares:
            msg = f"{selector.share} is no whole share of the cluster"
            raise _NoRuleError(msg)
        if _WILD & set(selector.share):
            notes.append(f"the pattern {selector.share} became {', '.join(shares)}")
        parts.append([("share", share) for share in shares])
    return [dict(combination) or {"name": "*"} for combination in product(*parts)]


def _nodes(pattern: str, cluster: Cluster | None) -> list[str]:
    if not _WILD & set(pattern):
        return [pattern]
    known = [node.name for node in cluster.spec.nodes] if cluster is not None else []
    return [name for name in known if fnmatchcase(name.casefold(), pattern.casefold())]


def _shares(pattern: str, cluster: Cluster | None) -> list[str]:
    wanted = pattern.casefold().split("\\")
    if not _WILD & set(pattern) and len(wanted) == _SHARE_PARTS:
        return [pattern]
    known = [share.path for share in cluster.spec.shares] if cluster is not None else []
    return [path for path in known if _covers(wanted, path.casefold().split("\\"))]


def _covers(pattern: Sequence[str], path: Sequence[str]) -> bool:
    same_length = len(pattern) == len(path)
    return same_length and all(map(fnmatchcase, path, pattern))


def _selects(selector: Selector, workload: Workload) -> bool:
    if selector.name is not None and not _matches(workload.name, selector.name):
        return False
    if selector.node is not None and not _matches(workload.node, selector.node):
        return False
    if selector.share is None:
        return True
    wanted = selector.share.casefold().split("\\")
    paths = (disk.path.casefold().split("\\") for disk in workload.disks)
    return any(_covers(wanted, path[: len(wanted)]) for path in paths)


def _matches(text: str, pattern: str) -> bool:
    return fnmatchcase(text.casefold(), pattern.casefold())


# -- to and from the wire ---------------------------------------------------------------------


def to_wire(rules: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Return `vmContent` or `vmFilter`."""
    return {"children": [_group(rule) for rule in rules]}


def _group(rule: Mapping[str, str]) -> dict[str, Any]:
    if "native" in rule:
        content: dict[str, Any] = json.loads(rule["native"])
        return content
    single = [_one(name, rule[name]) for name in sorted(rule)]
    return single[0] if len(single) == 1 else {"allOrAnyChildren": True, "children": single}


def _one(name: str, value: str) -> dict[str, Any]:
    # Names and patterns travel as displayName; `name` holds ids only [S].
    return {
        "equalsOrNotEquals": True,
        "allOrAnyChildren": True,
        "name": "" if name == "name" else value,
        "displayName": value,
        "path": "",
        "type": _KIND_OF[name],
    }


def from_wire(tree: Mapping[str, Any] | None) -> list[Rule]:
    """Return the normal form of `vmContent` or `vmFilter`."""
    children = as_list((tree or {}).get("children"))
    return normal(_read(child) for child in children if isinstance(child, dict))


def _read(child: dict[str, Any]) -> Rule:
    parts = as_list(child.get("children")) or [child]
    rule: Rule = {}
    is_all = child.get("allOrAnyChildren", True) or len(parts) == 1
    for part in parts:
        name = _NAME_OF.get(int(part.get("type") or 0))
        value = str(part.get("displayName") or part.get("name") or "")
        plain = part.get("equalsOrNotEquals", True) and not as_list(part.get("children"))
        if name is None or name in rule or not plain or not value or not is_all:
            return {"native": json.dumps(child, sort_keys=True)}
        rule[name] = value
    return rule


def selectors(rules: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return the selectors of a document that translate back to these rules.

    Raises:
        ValueError: no selector says this.
    """
    found: list[dict[str, Any]] = []
    for rule in rules:
        if "native" in rule:
            msg = f"a rule of the product's own: {rule['native'][:200]}"
            raise ValueError(msg)
        found.append({"all": True} if dict(rule) == {"name": "*"} else dict(rule))
    return found
