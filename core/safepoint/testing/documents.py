"""Documents for rules: every shape a policy and a job can have, and a small estate to write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any, Final

from pydantic import JsonValue

from safepoint.models.jobs import ProtectionJob
from safepoint.models.plans import NeutralDocument
from safepoint.models.policies import Policy

__all__ = [
    "FIRST",
    "POLICY",
    "SECOND",
    "catalogue",
    "small_estate",
    "with_both",
    "with_retention",
    "without",
]

#: The names of the small estate.
POLICY: Final = "rule-policy"
FIRST: Final = "rule-first"
SECOND: Final = "rule-second"

_BERLIN: Final = {"timezone": "Europe/Berlin"}
_NIGHT: Final = {"start": "20:00", "end": "06:00", "days": ["monday", "friday"]}

#: Every rhythm, window, retention and consistency at least once.
_POLICIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "bare": {},
    "minutes": {"schedule": {**_BERLIN, "every": {"minutes": 15}}},
    "hours": {"schedule": {**_BERLIN, "every": {"hours": 4}, "window": _NIGHT}},
    "daily": {"schedule": {**_BERLIN, "daily": {"at": ["22:30", "06:15"]}}, "rpo": "26h"},
    "weekly": {
        "schedule": {
            "timezone": "America/New_York",
            "weekly": {"days": ["sunday", "wednesday"], "at": ["02:30"]},
        }
    },
    "first-sunday": {
        "schedule": {**_BERLIN, "monthly": {"weekday": "first sunday", "at": ["01:00"]}}
    },
    "last-friday": {
        "schedule": {**_BERLIN, "monthly": {"weekday": "last friday", "at": ["01:00"]}}
    },
    "last-day": {"schedule": {"timezone": "Etc/UTC", "monthly": {"day": "last", "at": ["23:00"]}}},
    "day-31": {"schedule": {"timezone": "Etc/UTC", "monthly": {"day": 31, "at": ["23:00"]}}},
    "several": {
        "schedule": {
            "timezone": "Australia/Lord_Howe",
            "daily": {"at": ["12:00"]},
            "weekly": {"days": ["saturday"], "at": ["18:00"]},
            "monthly": {"day": 1, "at": ["06:00"]},
        }
    },
    "days": {"retention": {"keepFor": "14d"}, "consistency": "filesystem"},
    "odd-hours": {"retention": {"keepFor": "36h"}, "fallback": "allow"},
    "points": {"retention": {"keepAtLeast": 7}, "consistency": "crash"},
    "years": {
        "schedule": {**_BERLIN, "daily": {"at": ["22:00"]}},
        "retention": {
            "keepFor": "30d",
            "keepAtLeast": 3,
            "weekly": {"keep": 4},
            "monthly": {"keep": 12},
            "yearly": {"keep": 7},
        },
    },
    "yearly": {"retention": {"yearly": {"keep": 2}}},
}
_SELECTIONS: Final[Sequence[Mapping[str, Any]]] = (
    {"include": [{"all": True}]},
    {"include": [{"name": "sql*"}, {"name": "Db-??[12]"}], "exclude": [{"name": "*-test"}]},
    {"include": [{"node": "*"}], "exclude": [{"share": "\\\\*\\scratch"}], "verify": False},
    {"include": [{"share": "\\\\fs01\\vm*", "name": "a*"}, {"name": "b*", "node": "hv0?"}]},
)


def catalogue(
    connection: str, cluster: str, vendor: Mapping[str, Mapping[str, JsonValue]]
) -> tuple[NeutralDocument, ...]:
    """Return a policy of every shape, each with a job; the jobs select in every way there is.

    Args:
        connection: Which the jobs name.
        cluster: Which the jobs name.
        vendor: Vendor blocks of every job; one of another product is added, which means nothing.
    """
    documents: list[NeutralDocument] = []
    for (name, spec), selection in zip(_POLICIES.items(), cycle(_SELECTIONS), strict=False):
        documents += [
            _policy(f"rule-{name}", spec),
            _job(
                f"rule-job-{name}",
                {"connection": connection, "cluster": cluster, "policy": f"rule-{name}"},
                {**selection, "vendor": {**vendor, "another-product": {"colour": "blue"}}},
            ),
        ]
    return tuple(documents)


def small_estate(
    connection: str,
    cluster: str,
    vendor: Mapping[str, Mapping[str, JsonValue]],
    vms: Sequence[str],
) -> tuple[NeutralDocument, ...]:
    """Return one plain policy and two jobs of one VM each: what every product can carry."""
    retention = {"keepFor": "14d"}
    schedule = {"timezone": "Etc/UTC", "daily": {"at": ["22:00"]}}
    place = {"connection": connection, "cluster": cluster, "policy": POLICY}
    return (
        _policy(POLICY, {"schedule": schedule, "retention": retention, "fallback": "allow"}),
        *(
            _job(name, place, {"include": [{"name": vm}], "vendor": vendor})
            for name, vm in zip((FIRST, SECOND), vms, strict=False)
        ),
    )


def with_retention(
    documents: Iterable[NeutralDocument], keep_for: str
) -> tuple[NeutralDocument, ...]:
    """Return the documents with every point kept that long."""
    changed = {"retention": {"keepFor": keep_for}}
    return tuple(
        _policy(one.name, {**_spec(one), **changed}) if isinstance(one, Policy) else one
        for one in documents
    )


def with_both(documents: Iterable[NeutralDocument]) -> tuple[NeutralDocument, ...]:
    """Return the documents with the first job selecting what all of them select."""
    every = tuple(documents)
    jobs = [one for one in every if isinstance(one, ProtectionJob)]
    include = tuple(selector for one in jobs for selector in one.spec.include)
    return tuple(
        one.model_copy(update={"spec": one.spec.model_copy(update={"include": include})})
        if isinstance(one, ProtectionJob) and one.name == FIRST
        else one
        for one in every
    )


def without(documents: Iterable[NeutralDocument], job: str) -> tuple[NeutralDocument, ...]:
    """Return the documents but for one job."""
    return tuple(one for one in documents if one.name != job)


def _policy(name: str, spec: Mapping[str, Any]) -> Policy:
    return Policy.model_validate({"metadata": {"name": name}, "spec": spec}, by_alias=True)


def _job(name: str, place: Mapping[str, Any], spec: Mapping[str, Any]) -> ProtectionJob:
    content = {"metadata": {"name": name}, "spec": {**place, **spec}}
    return ProtectionJob.model_validate(content, by_alias=True)


def _spec(document: NeutralDocument) -> dict[str, Any]:
    return document.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
