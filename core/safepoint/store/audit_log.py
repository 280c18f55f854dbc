"""The audit log: lines that are only ever added, each sealed with the digest of the one before.

Whoever changes, drops or swaps a line breaks the chain at that place. Whoever cuts off the end
leaves a whole chain; that shows against the head, which is kept in a file beside the journal
after every line and may be written down elsewhere.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from filelock import FileLock, Timeout

from safepoint.errors import StoreError
from safepoint.models.audit_log import AuditBreak, AuditEntry, AuditHead, AuditOutcome, Deed
from safepoint.store import schema
from safepoint.store.database import Database
from safepoint.store.times import Clock, from_text, to_text

__all__ = ["AuditLog", "digest_of", "this_actor"]

_T: Final = schema.audit_entry
_HEAD_LOCK_SECONDS: Final = 30.0
_PAGE: Final = 1000


def this_actor() -> str:
    """Return who runs this process: account and machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        name = f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return f"{name}@{socket.gethostname()}"


def digest_of(values: dict[str, Any]) -> str:
    """Return the digest of a line: SHA-256 over its canonical JSON without the digest itself."""
    sealed = {name: value for name, value in values.items() if name != "digest"}
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class AuditLog:
    """Adding lines, reading them, and proving that they are what was written.

    Args:
        database: The journal.
        folder: Holds the head.
        clock: The time of lines.
        actor: Who runs this process.
    """

    def __init__(
        self, database: Database, folder: Path, clock: Clock, *, actor: str | None = None
    ) -> None:
        self._database = database
        self._head_path = folder / "audit-head.json"
        self._clock = clock
        self._actor = actor or this_actor()

    # -- writing ----------------------------------------------------------------------------------

    def asked(self, deed: Deed, /) -> int:
        """Write down what is about to be asked of a system; durable when it returns."""
        return self._add(deed, AuditOutcome.ASKED, None, "")

    def answered(self, asked: int, deed: Deed, outcome: AuditOutcome, detail: str, /) -> None:
        """Write down how it came out."""
        told = deed.model_copy(update={"before": None, "after": None})
        self._add(told, outcome, asked, detail)

    def note(self, deed: Deed, detail: str = "") -> int:
        """Write down a step or decision of safepoint itself."""
        return self._add(deed, AuditOutcome.NOTED, None, detail)

    def _add(self, deed: Deed, outcome: AuditOutcome, answers: int | None, detail: str) -> int:
        values: dict[str, Any] = {
            **deed.model_dump(mode="json"),
            "at": to_text(self._clock()),
            "actor": self._actor,
            "process": os.getpid(),
            "outcome": outcome.value,
            "answers": answers,
            "detail": detail,
        }
        with self._database.transaction() as tx:
            last = _last(tx)
            values["sequence"] = last.sequence + 1 if last else 1
            values["previous"] = last.digest if last else ""
            values["digest"] = digest_of(values)
            tx.execute(sa.insert(_T).values(**values))
        self._keep_head(AuditHead(sequence=values["sequence"], digest=values["digest"]))
        return int(values["sequence"])

    def _keep_head(self, head: AuditHead) -> None:
        """Move the head forward. A process that dies before this leaves an older, true head."""
        part = self._head_path.with_name(f"{self._head_path.name}.{os.getpid()}.part")
        try:
            with FileLock(f"{self._head_path}.lock", timeout=_HEAD_LOCK_SECONDS):
                known = self.kept_head()
                if known is not None and known.sequence >= head.sequence:
                    return
                part.write_text(head.model_dump_json() + "\n", encoding="utf-8")
                part.replace(self._head_path)
        except (OSError, Timeout) as error:
            msg = f"the head of the audit log cannot be kept in {self._head_path}: {error}"
            raise StoreError(msg, hint="Check free space and permissions.") from error

    # -- reading ----------------------------------------------------------------------------------

    def kept_head(self) -> AuditHead | None:
        """Return the head in the file; None when none was ever kept.

        Raises:
            StoreError: the file is there and holds something else.
        """
        try:
            return AuditHead.model_validate_json(self._head_path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            msg = f"{self._head_path} does not hold the head of an audit log"
            hint = "Somebody changed it. Compare with a head written down elsewhere."
            raise StoreError(msg, hint=hint) from error

    def head(self) -> AuditHead | None:
        """Return the last line as the log has it now; None for an empty log."""
        with self._database.transaction() as tx:
            return _last(tx)

    def entries(
        self,
        *,
        system: str | None = None,
        target: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[AuditEntry, ...]:
        """Return lines in order, the newest `limit` of those that fit.

        Args:
            system: Only of this connection.
            target: Only those whose target contains this.
            since: Only from this moment on.
            limit: How many at most.
        """
        query = sa.select(_T).order_by(_T.c.sequence.desc())
        if system is not None:
            query = query.where(_T.c.system == system)
        if target is not None:
            query = query.where(_T.c.target.contains(target, autoescape=True))
        if since is not None:
            query = query.where(_T.c.at >= to_text(since))
        if limit is not None:
            query = query.limit(limit)
        with self._database.transaction() as tx:
            rows = tx.execute(query).mappings().all()
        return tuple(_entry(dict(row)) for row in reversed(rows))

    # -- proving ----------------------------------------------------------------------------------

    def verify(self, heads: Iterable[AuditHead] = ()) -> tuple[AuditBreak, ...]:
        """Return every place where the log is not what was written; none when all is well.

        Args:
            heads: Heads written down elsewhere, beside the one in the file.
        """
        known = [head for head in (self.kept_head(), *heads) if head is not None]
        breaks: list[AuditBreak] = []
        digests: dict[int, str] = {}
        wanted = {head.sequence for head in known}
        expected, previous = 1, ""
        for values in self._lines():
            number = int(values["sequence"])
            breaks += _breaks(values, expected, previous)
            if number in wanted:
                digests[number] = str(values["digest"])
            expected, previous = number + 1, str(values["digest"])
        for head in known:
            if digests.get(head.sequence) == head.digest:
                continue
            if head.sequence >= expected:
                text = f"the log ends at line {expected - 1}, and line {head.sequence} was there"
            else:
                text = f"line {head.sequence} is not the one whose digest was kept"
            breaks.append(AuditBreak(sequence=head.sequence, problem=text))
        return tuple(breaks)

    def _lines(self) -> Iterator[dict[str, Any]]:
        after = -(2**62)
        while True:
            query = sa.select(_T).where(_T.c.sequence > after).order_by(_T.c.sequence).limit(_PAGE)
            with self._database.transaction() as tx:
                rows = [dict(row) for row in tx.execute(query).mappings()]
            yield from rows
            if len(rows) < _PAGE:
                return
            after = int(rows[-1]["sequence"])


def _breaks(values: dict[str, Any], expected: int, previous: str) -> Iterator[AuditBreak]:
    number = int(values["sequence"])
    if number != expected:
        is_gap = number > expected
        text = f"line {number} stands where line {expected} belongs"
        if is_gap:
            last = number - 1
            lines = f"line {last} is" if last == expected else f"lines {expected} to {last} are"
            text = f"{lines} missing"
        yield AuditBreak(sequence=number, problem=text)
    if values["digest"] != digest_of(values):
        yield AuditBreak(sequence=number, problem="its content was changed after it was written")
    if values["previous"] != previous:
        yield AuditBreak(sequence=number, problem="the line before it is not the one it followed")


def _last(tx: sa.Connection) -> AuditHead | None:
    query = sa.select(_T.c.sequence, _T.c.digest).order_by(_T.c.sequence.desc()).limit(1)
    row = tx.execute(query).first()
    return AuditHead(sequence=row.sequence, digest=row.digest) if row else None


def _entry(values: dict[str, Any]) -> AuditEntry:
    return AuditEntry.model_validate({**values, "at": from_text(values["at"])})
