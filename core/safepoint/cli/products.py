"""Products that run jobs themselves: opening them, and having one carry out a run."""

from __future__ import annotations

from collections.abc import Iterator

from safepoint.cli.session import Session
from safepoint.drivers import CanCheckpoint, CanRunJobs
from safepoint.errors import SafepointError
from safepoint.estate.selectors import Selection
from safepoint.models.workloads import Workload
from safepoint.runs.deadlines import Deadlines
from safepoint.runs.entrust import Entrust
from safepoint.runs.following import Tools
from safepoint.runs.occupants import Occupants
from safepoint.runs.pacing import Wishes
from safepoint.runs.progress import ProgressSink

__all__ = ["entrust", "hosts_of", "occupants", "products"]


def products(session: Session) -> Iterator[tuple[str, CanRunJobs | SafepointError]]:
    """Yield every connection whose plugin can run a product's jobs, or why it cannot be opened.

    Nothing is connected yet.
    """
    for name in session.estate.connections:
        try:
            driver = session.driver(name)
        except SafepointError as error:
            yield name, error
            continue
        if isinstance(driver, CanRunJobs):
            yield name, driver


def occupants(session: Session) -> Occupants:
    """Return whom to ask who works on a VM: every product of the estate that runs jobs itself."""
    found: dict[str, CanRunJobs] = {}
    for name, product in products(session):
        if isinstance(product, SafepointError):
            session.output.warn(f"cannot see whether {name!r} works on the VMs: {product.message}")
        else:
            found[name] = product

    def selects(connection: str, job: str, workload: Workload) -> bool:
        document = session.estate.jobs.get(job)
        if document is None or document.spec.connection != connection:
            return False
        return document.spec.cluster == workload.cluster and Selection(document).includes(workload)

    return Occupants(found, selects, session.output.warn, session.waiter.monotonic)


def hosts_of(session: Session, cluster: str) -> CanCheckpoint | SafepointError:
    """Return what reads the hosts of a cluster, or why nothing does."""
    try:
        return session.crew(cluster).hypervisor
    except SafepointError as error:
        return error


def entrust(  # what it takes, each by name
    session: Session,
    connection: str,
    product: CanRunJobs,
    *,
    hosts: CanCheckpoint | SafepointError,
    sink: ProgressSink,
    wishes: Wishes,
    deadlines: Deadlines,
) -> Entrust:
    """Return what has a product carry out runs."""
    tools = Tools(
        store=session.store,
        executor=session.executor.id,
        connection=connection,
        product=product,
        sink=sink,
        say=session.output.say,
        wishes=wishes,
        deadlines=deadlines,
        waiter=session.waiter,
    )
    if isinstance(hosts, SafepointError):
        return Entrust(tools, None, occupants(session), why_not=hosts.message)
    return Entrust(tools, hosts, occupants(session))
