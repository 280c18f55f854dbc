"""From documents to a product and back, without a journal: what the rules of `CanManage` stand on."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from safepoint.drivers import CanManage
from safepoint.drivers.outcomes import error_from_status
from safepoint.estate import Estate
from safepoint.models.checkpoints import OperationState
from safepoint.models.diagnostics import Severity
from safepoint.models.estate import Connection
from safepoint.models.jobs import ProtectionJob
from safepoint.models.plans import (
    Change,
    DescribeRequest,
    Description,
    Desired,
    NeutralDocument,
    Plan,
    PlanScope,
    Translation,
)
from safepoint.models.policies import Policy
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource, ResourceQuery
from safepoint.models.workloads import Workload
from safepoint.planning import PlanInputs
from safepoint.planning.applying import parts_of, request_of
from safepoint.planning.desired import desired_for, select_all
from safepoint.planning.following import follow_change
from safepoint.planning.importing import differences, with_documents
from safepoint.planning.observing import Observation
from safepoint.planning.planner import plan_connection
from safepoint.testing.documents import small_estate
from safepoint.testing.harness_manage import LiveManageHarness

__all__ = ["Documents", "Trial", "job_address", "new_key"]

Documents = Sequence[NeutralDocument]

_WHEN: Final = datetime(2026, 1, 5, tzinfo=UTC)


def new_key() -> str:
    """Return an operation key that was never used."""
    return secrets.token_hex(8)


class Trial:
    """One driver under trial.

    Args:
        harness: Opens it.
    """

    def __init__(self, harness: LiveManageHarness) -> None:
        self.harness = harness
        self.driver: CanManage = harness.open_managing()

    # --- computing ----------------------------------------------------------------------------

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """The VMs of the harness's cluster."""
        return self.harness.workloads(self.driver)

    def small_estate(self) -> tuple[NeutralDocument, ...]:
        """Return a policy and two jobs of one VM each."""
        harness = self.harness
        names = [one.name for one in self.workloads[:2]]
        assert len(names) == 2, f"cluster {harness.cluster} needs two VMs to try on"
        return small_estate(harness.connection, harness.cluster, harness.vendor, names)

    def estate(self, documents: Documents) -> Estate:
        """Return the documents with the connection and the clusters."""
        harness = self.harness
        content = {
            "metadata": {"name": harness.connection},
            "spec": {"driver": harness.driver_name},
        }
        connection = Connection.model_validate(content)
        return with_documents(Estate(), (connection, *harness.clusters(), *documents))

    def desired(self, documents: Documents, *, owner: str = "") -> Desired:
        """Return what the core would hand to `translate`."""
        estate = self.estate(documents)
        selected = select_all(estate, {self.harness.cluster: self.workloads})
        return desired_for(estate, self.harness.connection, owner or self.harness.owner, selected)

    def translate(self, documents: Documents) -> Translation:
        """Return the driver's translation."""
        return self.driver.translate(self.desired(documents))

    def describe(self, resources: Sequence[Resource]) -> Description:
        """Return what the driver makes of resources."""
        request = DescribeRequest(
            connection=self.harness.connection,
            driver=self.harness.driver_name,
            resources=tuple(resources),
            clusters=self.harness.clusters(),
        )
        return self.driver.describe(request)

    def carried(self, documents: Documents) -> tuple[NeutralDocument, ...]:
        """Return the documents without the jobs that the product openly refuses to carry."""
        policies = {one.name: one for one in documents if isinstance(one, Policy)}
        taken: list[NeutralDocument] = []
        for job in documents:
            if isinstance(job, ProtectionJob):
                pair = (policies[job.spec.policy], job)
                findings = self.translate(pair).findings
                if all(one.severity is not Severity.ERROR for one in findings):
                    taken += [one for one in pair if one not in taken]
        assert taken, "the product refuses every policy of the catalogue"
        return tuple(taken)

    # --- looking and writing ------------------------------------------------------------------

    def observe(self, *, with_checks: bool = False) -> tuple[Resource, ...]:
        """Return what the driver shows."""
        return tuple(self.driver.observe(ResourceQuery(with_preflight=with_checks)))

    def plan(self, documents: Documents, *, adopt: bool = False) -> Plan:
        """Return the core's own plan; whether the documents are wise does not matter here."""
        connection = self.harness.connection
        workloads = {self.harness.cluster: self.workloads}
        inputs = PlanInputs(
            estate=self.estate(documents),
            scope=PlanScope(adopt=adopt, owner=self.harness.owner),
            drivers={connection: self.driver},
            observations={connection: Observation(connection, self.observe())},
            workloads=workloads,
        )
        part = plan_connection(inputs, connection, select_all(inputs.estate, workloads))
        return Plan(
            id="rule",
            made_at=_WHEN,
            estate="rule",
            scope=inputs.scope,
            changes=part.changes,
        )

    def carry_out(
        self, plan: Plan, write: Callable[[Change], Resource | None] | None = None
    ) -> dict[str, Resource]:
        """Ask for every write of a plan, in order; returns what the driver said of each.

        Args:
            plan: What to do.
            write: Called instead of `write` with a key of its own.
        """
        ask = write or (lambda change: self.write(change, new_key()))
        present = {c.address: c.before for c in plan.changes if c.before is not None}
        for line in plan.writes:
            for part in parts_of(line):
                result = ask(request_of(part, present))
                if result is None:
                    present.pop(part.address, None)
                else:
                    present[part.address] = result
        return present

    def write(self, change: Change, key: str) -> Resource | None:
        """Ask for one change, follow it if it takes long, and return what is there then."""
        result = self.driver.apply(change, key=key)
        if not isinstance(result, Ref):
            return result
        status = follow_change(
            self.driver,
            result,
            address=change.address,
            sleep=lambda _seconds: self.harness.pause(),
            remark=lambda _text: None,
        )
        if status.state is OperationState.FAILED:
            raise error_from_status(status)
        return next((one for one in self.observe() if one.address == change.address), None)

    def bring_about(self, documents: Documents) -> dict[str, Resource]:
        """Plan and carry out."""
        return self.carry_out(self.plan(documents))

    def check_nothing_left(self, documents: Documents, when: str) -> None:
        """Fail, naming the fields, unless a plan of the documents is empty."""
        left = differences(self.plan(documents))
        assert not left, f"{when} the next plan still says: {'; '.join(left[:3])}"


def job_address(translation: Translation, job: str) -> str:
    """Return the address of a job's own object: the one nothing else of the job needs."""
    own = [r for r in translation.resources if f"ProtectionJob/{job}" in r.documents]
    needed = {one for r in translation.resources for one in r.depends_on}
    found = [r.address for r in own if r.address not in needed and not r.is_observe_only]
    assert found, f"job {job} became no object of the product"
    return found[-1]
