"""Ctrl-C that cancels cleanly: the first asks, the second says why it takes time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from safepoint.cli.output import Output
from safepoint.runs.pacing import Wishes

__all__ = ["cancel_on_interrupt", "wishes_on_interrupt"]

#: With this many presses the person is taken at their word.
PRESSES_TO_LEAVE = 3


_FIRST: Final = "cancelling: open checkpoints are being released …"
_LATER: Final = "still releasing; once more leaves them to `safepoint doctor --fix`"


@contextmanager
def cancel_on_interrupt(
    output: Output, *, first: str = _FIRST, later: str = _LATER
) -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, or a request to terminate, sets.

    The third press leaves at once; what is then left open is in the journal.

    Args:
        output: Where to tell the person.
        first: What is said to the first press.
        later: What is said to the second one.
    """
    cancel = threading.Event()

    def pressed(times: int) -> None:
        cancel.set()
        output.say(first if times == 1 else later)

    with _presses(pressed):
        yield cancel


@contextmanager
def wishes_on_interrupt(output: Output) -> Iterator[Wishes]:
    """Yield the wishes of whoever watches a product's run.

    The first press cancels the run in the product, or stops watching one that somebody else began;
    the second leaves it to go on, the third ends this process at once.
    """
    wishes = Wishes()

    def pressed(times: int) -> None:
        if times == 1:
            output.say("cancelling what we began in the product; once more leaves it as it is")
            wishes.cancel.set()
        else:
            output.say("leaving; `safepoint runs follow` takes it up again")
            wishes.leave.set()

    with _presses(pressed):
        yield wishes


@contextmanager
def _presses(pressed: Callable[[int], None]) -> Iterator[None]:
    presses = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses >= PRESSES_TO_LEAVE:
            raise KeyboardInterrupt
        pressed(presses)

    before: list[tuple[signal.Signals, Any]] = []
    if threading.current_thread() is threading.main_thread():
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [(number, signal.signal(number, handle)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
