"""Plans: what would have to change in which connected system, and the requests around it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias

from pydantic import Field

from safepoint.models.attributes import Value
from safepoint.models.base import Model, UtcTime
from safepoint.models.diagnostics import Diagnostic, Severity
from safepoint.models.estate import Cluster
from safepoint.models.jobs import ProtectionJob
from safepoint.models.losses import Loss
from safepoint.models.policies import Policy
from safepoint.models.replica_documents import Replica
from safepoint.models.resources import DEFAULT_OWNER, Resource
from safepoint.models.workloads import Workload

__all__ = [
    "PLAN_VERSION",
    "Action",
    "Change",
    "DescribeRequest",
    "Description",
    "Desired",
    "DesiredJob",
    "DesiredReplica",
    "FieldChange",
    "NeutralDocument",
    "ObservationDigest",
    "Plan",
    "PlanScope",
    "PlannedChange",
    "Translation",
]

#: The version of the plan file.
PLAN_VERSION: Final = "safepoint.plan/v1"

#: What a vendor object can be described as.
NeutralDocument: TypeAlias = Policy | ProtectionJob | Replica


class DesiredJob(Model):
    """A job with everything it refers to."""

    job: ProtectionJob
    policy: Policy
    workloads: tuple[Workload, ...] = ()
    """The VMs it selects at this moment, by name and id; for products that need a list."""


class DesiredReplica(Model):
    """A replica document with the VMs it means."""

    replica: Replica
    workloads: tuple[Workload, ...] = ()
    """The VMs it selects at this moment, on whichever side they were found."""


class Desired(Model):
    """What one connection should carry: the input of a translation."""

    connection: str
    driver: str
    """The name of the driver, under which a job keeps its vendor block."""
    owner: str = DEFAULT_OWNER
    """Goes into markers."""
    clusters: tuple[Cluster, ...] = ()
    """The clusters that the connection reads or protects."""
    jobs: tuple[DesiredJob, ...] = ()
    replicas: tuple[DesiredReplica, ...] = ()
    """For drivers that replicate; the plan tells the others' users that they do not."""


class Translation(Model):
    """What a product needs so that it does what the documents say."""

    resources: tuple[Resource, ...]
    """In normal form, each with its marker."""
    losses: tuple[Loss, ...]
    """One entry for every field of every job, policy and replica, also for the exact ones."""
    findings: tuple[Diagnostic, ...] = ()
    """What the driver wants to be known; an error keeps the plan from being applied."""


class DescribeRequest(Model):
    """Say in neutral documents what these resources mean."""

    connection: str
    driver: str
    resources: tuple[Resource, ...]
    clusters: tuple[Cluster, ...] = ()
    """The clusters of the estate that documents may refer to."""


class Description(Model):
    """The inverse of a translation."""

    documents: tuple[NeutralDocument, ...] = ()
    losses: tuple[Loss, ...] = ()
    """What the product has and documents cannot say; `document` is the resource's address."""


class Action(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    """In place."""
    REPLACE = "replace"
    """Deleted and made anew, because a field cannot be changed in place."""
    RETIRE = "retire"
    """Nobody asks for it any more and it may hold restore points: switched off, not deleted."""
    DELETE = "delete"
    ADOPT = "adopt"
    """It exists without our marker: brought into line and marked."""
    NONE = "no change"


class FieldChange(Model):
    """One field, before and after."""

    field: str
    before: Value = None
    after: Value = None


class Change(Model):
    """One write, as a driver gets it: create, update, adopt or delete.

    A replacement arrives as a deletion and a creation, a retirement as an update.
    """

    action: Action
    address: str
    before: Resource | None = None
    """As observed; None when it does not exist."""
    after: Resource | None = None
    """As wished; None when it has to go."""
    fields: tuple[FieldChange, ...] = ()
    dependencies: tuple[Resource, ...] = ()
    """What `after.depends_on` names, as it is now, with native handles."""


class PlannedChange(Model):
    """One line of a plan."""

    connection: str
    address: str
    action: Action
    fields: tuple[FieldChange, ...] = ()
    before: Resource | None = None
    after: Resource | None = None
    reason: str = ""
    """Why this action, when it is not plain from the fields."""

    @property
    def is_write(self) -> bool:
        """True when applying it changes something."""
        return self.action is not Action.NONE

    @property
    def holds_data(self) -> bool:
        """True when what exists may hold restore points."""
        return self.before is not None and self.before.holds_data


class PlanScope(Model):
    """What the plan is about, and what its maker named expressly."""

    connections: tuple[str, ...] = ()
    """Empty means all."""
    jobs: tuple[str, ...] = ()
    """Empty means all; otherwise nothing is deleted."""
    owner: str = DEFAULT_OWNER
    adopt: bool = False
    """Mark also what equals the wish already but bears no marker."""
    allow_delete: tuple[str, ...] = ()
    """Addresses that may be deleted although they hold data or are many."""
    accept: tuple[str, ...] = ()
    """Codes of error findings that are accepted."""


class ObservationDigest(Model):
    """What a connection showed when the plan was made."""

    connection: str
    resources: dict[str, str] = Field(default_factory=dict)
    """Address to digest, of everything the plan is about."""


class Plan(Model):
    """Everything that would change, in the order in which it would. Holds no secret."""

    api_version: Literal["safepoint.plan/v1"] = PLAN_VERSION
    id: str
    made_at: UtcTime
    estate: str
    """The fingerprint of the documents."""
    scope: PlanScope
    observed: tuple[ObservationDigest, ...] = ()
    changes: tuple[PlannedChange, ...] = ()
    """In the order of carrying out, over all connections: what is made or changed first, then what
    is retired, then what is deleted; each in dependency order. Unchanged ones are included."""
    losses: tuple[Loss, ...] = ()
    findings: tuple[Diagnostic, ...] = ()

    @property
    def writes(self) -> tuple[PlannedChange, ...]:
        """The lines that change something."""
        return tuple(change for change in self.changes if change.is_write)

    @property
    def blockers(self) -> tuple[Diagnostic, ...]:
        """The findings that keep the plan from being applied."""
        return tuple(one for one in self.findings if one.severity is Severity.ERROR)
