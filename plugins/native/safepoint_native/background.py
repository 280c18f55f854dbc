"""Work of several steps that this process does itself, followed by polling like any other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from safepoint.errors import RunCancelledError, SafepointError
from safepoint.models.checkpoints import OperationState

__all__ = ["Background", "Piece"]

ResultT = TypeVar("ResultT")


@dataclass
class Piece(Generic[ResultT]):
    """One piece of work and how far it is. Fields are written by its thread only."""

    phase: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    state: OperationState = OperationState.RUNNING
    result: ResultT | None = None
    error: SafepointError | None = None
    cancel: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raise RunCancelledError when somebody asked to stop."""
        if self.cancel.is_set():
            msg = "cancelled"
            raise RunCancelledError(msg)


class Background(Generic[ResultT]):
    """Runs pieces of work in threads and remembers them by key.

    The same key twice is the same piece: what was started is not started again.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._pieces: dict[str, Piece[ResultT]] = {}
        self._threads: list[threading.Thread] = []

    def start(self, key: str, work: Callable[[Piece[ResultT]], ResultT]) -> None:
        """Start the work unless this key was started before."""
        with self._lock:
            if key in self._pieces and self._pieces[key].state is not OperationState.FAILED:
                return
            piece = self._pieces[key] = Piece[ResultT]()
            thread = threading.Thread(
                target=self._run, args=(piece, work), name=f"{self._name} {key}", daemon=True
            )
            self._threads.append(thread)
        thread.start()

    def look(self, key: str) -> Piece[ResultT] | None:
        """Return the piece; None for a key this process never started."""
        with self._lock:
            return self._pieces.get(key)

    def close(self) -> None:
        """Ask everything to stop and wait for it."""
        with self._lock:
            pieces, threads = list(self._pieces.values()), list(self._threads)
        for piece in pieces:
            piece.cancel.set()
        for thread in threads:
            thread.join()

    @staticmethod
    def _run(piece: Piece[ResultT], work: Callable[[Piece[ResultT]], ResultT]) -> None:
        try:
            piece.result = work(piece)
        except SafepointError as error:
            piece.error = error
            piece.state = OperationState.FAILED
        except Exception as error:  # noqa: BLE001 - a defect must reach whoever polls
            piece.error = SafepointError(f"internal error: {type(error).__name__}: {error}")
            piece.state = OperationState.FAILED
        else:
            piece.state = OperationState.SUCCEEDED
