"""Run a safepoint command and kill this very process at one point of it.

``python kill_at.py POINT -- ARGUMENTS…`` where POINT is ``<where>.<what>:<before|after>[#n]``:

* ``journal.<event>``: a transition of a checkpoint (``ask``, ``seen``, …) or ``intend``;
* ``driver.<method>``: a call of the hypervisor's driver, such as ``create_checkpoint``;
* ``points.record``: the record of the restore point; ``runs.finish``: the end of the run.

The process dies by SIGKILL: no `finally`, no `atexit`, no flush.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from safepoint.cli.app import main
from safepoint.store import Checkpoints, Points, Runs
from safepoint_native.driver import NativeDriver

OWNERS: dict[str, type] = {
    "journal": Checkpoints,
    "driver": NativeDriver,
    "points": Points,
    "runs": Runs,
}


def arm(point: str) -> None:
    """Make the process die at the point."""
    place, _, moment = point.partition(":")
    where, _, what = place.partition(".")
    owner = OWNERS[where]
    is_event = where == "journal" and what != "intend"
    method = "note" if is_event else what
    original: Callable[..., Any] = getattr(owner, method)

    def deadly(self: Any, *args: Any, **kwargs: Any) -> Any:
        is_it = not is_event or str(args[2]) == what
        if is_it and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(self, *args, **kwargs)
        if is_it and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, method, deadly)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.exit(main(sys.argv[3:]))
