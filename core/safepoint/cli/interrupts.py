"""Ctrl-C that cancels cleanly: the first asks, the second says why it takes time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from safepoint.cli.output import Output

__all__ = ["cancel_on_interrupt"]

#: With this many presses the person is taken at their word.
PRESSES_TO_LEAVE = 3


@contextmanager
def cancel_on_interrupt(output: Output) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, or a request to terminate, sets.

    The third press leaves at once; what is then left open is in the journal.
    """
    cancel = threading.Event()
    presses = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        cancel.set()
        if presses == 1:
            output.say("cancelling: open checkpoints are being released …")
        elif presses < PRESSES_TO_LEAVE:
            output.say("still releasing; once more leaves them to `safepoint doctor --fix`")
        else:
            raise KeyboardInterrupt

    before: list[tuple[signal.Signals, Any]] = []
    if threading.current_thread() is threading.main_thread():
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [(number, signal.signal(number, handle)) for number in numbers]
    try:
        yield cancel
    finally:
        for number, handler in before:
            signal.signal(number, handler)
