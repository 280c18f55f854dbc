"""The end of a run that a product carried out: its word, the hosts' word, and both written down."""

from __future__ import annotations

from dataclasses import dataclass

from safepoint.errors import RunFailedError
from safepoint.models.runs import Phase, Run, RunState, Task
from safepoint.runs.following import Following, Tools
from safepoint.runs.witness import Verdict, Witness

__all__ = ["Conclusion", "conclude"]

_GOOD = frozenset({RunState.SUCCEEDED, RunState.WARNING})


@dataclass(frozen=True)
class Conclusion:
    """How a run came out."""

    run: Run
    is_left: bool = False
    """True when somebody left before the end."""

    @property
    def has_findings(self) -> bool:
        """True when a VM's checkpoint is left, or nobody could look."""
        return any(task.leftovers or task.is_released is None for task in self.run.tasks)


def conclude(
    tools: Tools,
    following: Following,
    witness: Witness,
    *,
    patient: bool = True,
) -> Conclusion:
    """Look at the hosts, write the end of the run into the journal and return it.

    Args:
        tools: The journal, whoever watches.
        following: Has seen the product's run end.
        witness: Looks at the hosts.
        patient: Whether to wait for checkpoints to go and to merge.
    """
    seen = following.last
    assert seen is not None, "a run is concluded after it was seen to end"
    tasks = [_closed(task, following, seen) for task in following.tasks]
    names = {task.workload: task.workload_name for task in tasks}
    vms = {vm: name for vm, name in names.items() if vm.kind == "workload"}

    def on_wait(count: int) -> None:
        tools.say(
            f"the product says {seen.native_state or seen.state}; waiting until the checkpoints "
            f"of {count} VM(s) are gone and merged"
        )

    verdicts = witness.conclude(vms, tools.pause(), on_wait, patient=patient)
    judged = [_judged(task, verdicts.get(task.workload)) for task in tasks]
    run = following.run_id
    for task in judged:
        tools.store.runs.put_task(task)
        tools.sink.task_changed(task)
    state = _overall(seen.state, judged)
    tools.store.runs.finish(run, state)
    tools.store.product_runs.settle(run)
    return Conclusion(tools.store.runs.get(run))


def _closed(task: Task, following: Following, seen: Run) -> Task:
    """Give a VM the end that it has when its run has ended."""
    if following.has_seen(task.workload):
        if task.state is RunState.UNKNOWN:
            # Not known to be good is not called good: somebody has to look.
            is_odd = seen.state is RunState.UNKNOWN or not task.native_state
            word = seen.native_state if is_odd else task.native_state
            text = f"the product ended it with {word!r}, which is not known"
            hint = "Look into the product whether it has a restore point of this run."
            error = RunFailedError(text, hint=hint).to_dict()
            return task.model_copy(update={"state": RunState.FAILED, "error": error})
        if task.state is RunState.FAILED and task.error is None:
            text = task.message or "the product says that it failed, and not why"
            return task.model_copy(update={"error": RunFailedError(text).to_dict()})
        return task
    if seen.state is RunState.CANCELLED:
        return task.model_copy(update={"state": RunState.CANCELLED})
    if seen.state is RunState.FAILED and not following.has_told:
        why = seen.message or "and it does not say why"
        text = f"the product's run failed before it came to any VM: {why}"
        error = RunFailedError(text).to_dict()
        return task.model_copy(update={"state": RunState.FAILED, "error": error})
    text = "the product's run did not have this VM"
    hint = "Compare the job in the product with its document: `safepoint plan`."
    error = RunFailedError(text, hint=hint).to_dict()
    return task.model_copy(update={"state": RunState.FAILED, "error": error})


def _judged(task: Task, verdict: Verdict | None) -> Task:
    """Add what the hosts show."""
    changes: dict[str, object] = {"phase": Phase.DONE}
    if verdict is None:
        return task.model_copy(update=changes)
    changes |= {"is_released": verdict.is_released, "leftovers": verdict.leftovers}
    if verdict.held_seconds is not None:
        changes["held_seconds"] = verdict.held_seconds
    warnings = [*task.warnings]
    if verdict.problem:
        warnings.append(f"nobody could look at its checkpoint: {verdict.problem}")
    for left in verdict.leftovers:
        what = (
            f"checkpoint {left.name!r}" if left.name else f"a merge of {len(left.files)} file(s)"
        )
        where = f" on {left.node}" if left.node else ""
        warnings.append(f"{what} is left{where}: {left.evidence}")
    changes["warnings"] = tuple(warnings)
    if len(warnings) > len(task.warnings) and task.state is RunState.SUCCEEDED:
        changes["state"] = RunState.WARNING
    return task.model_copy(update=changes)


def _overall(said: RunState, tasks: list[Task]) -> RunState:
    """Return the state of the run: the product's, unless its VMs tell of something worse."""
    is_odd = said is RunState.UNKNOWN
    if said not in _GOOD and not is_odd:
        return said
    states = {task.state for task in tasks}
    if states - _GOOD or (is_odd and not states):
        return RunState.PARTIAL if states & _GOOD else RunState.FAILED
    return RunState.WARNING if is_odd or RunState.WARNING in states else said
