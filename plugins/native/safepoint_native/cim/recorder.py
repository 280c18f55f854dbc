"""Recording a conversation with a host, and playing it back.

A recording is a folder of numbered files, one request and one answer each, made to be read and
compared: message ids and addresses are replaced by fixed words, and every string given as secret
or as name is replaced too. A real host can so be captured once and replayed in tests for ever.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from typing_extensions import override

from safepoint.errors import ConfigError, ProtocolError
from safepoint_native.cim.transport import Transport

__all__ = ["RecordingTransport", "ReplayTransport"]

_MESSAGE_ID: Final = re.compile(r"(<(?:\w+:)?MessageID[^>]*>)([^<]*)(</)")
_RELATES_TO: Final = re.compile(r"(<(?:\w+:)?RelatesTo[^>]*>)([^<]*)(</)")
_TO: Final = re.compile(r"(<(?:\w+:)?To(?:\s[^>]*)?>)(?!\s*http://schemas\.)([^<]*)(</)")
_MACHINE: Final = re.compile(r'(\bMachine=")([^"]*)(")')
_REQUEST_ID: Final = "uuid:REQUEST"
_ANSWER_ID: Final = "uuid:ANSWER"
_ADDRESS: Final = "https://host.example/wsman"
_ACTION: Final = re.compile(r"<(?:\w+:)?Action[^>]*>[^<]*?([\w.]+)</")


class RecordingTransport(Transport):
    """Passes everything on and writes it down.

    Args:
        inner: What really talks to the host.
        folder: Where the files go; made when missing, must hold no recording yet.
        replace: Text → what to write in its place: host names, user names, share names. Longer
            texts are replaced first, and without regard to case.
        secrets: Texts that must never be written, such as passwords; each becomes ``***``.

    Raises:
        ConfigError: the folder holds a recording already.
    """

    def __init__(
        self,
        inner: Transport,
        folder: Path,
        *,
        replace: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        self._inner = inner
        self._folder = folder
        pairs = {**(replace or {}), **dict.fromkeys(filter(None, secrets), "***")}
        self._pairs = sorted(pairs.items(), key=lambda pair: -len(pair[0]))
        self._lock = threading.Lock()
        self._count = 0
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("*.request.xml")):
            msg = f"there is a recording in {folder} already"
            raise ConfigError(msg, hint="Choose an empty folder.")

    @override
    def post(self, envelope: str) -> bytes:
        answer = self._inner.post(envelope)
        with self._lock:
            self._count += 1
            stem = f"{self._count:04d}-{_operation(envelope)}"
            self._write(f"{stem}.request.xml", _neutral_request(envelope))
            self._write(f"{stem}.answer.xml", _neutral_answer(_decode(answer)))
        return answer

    @override
    def close(self) -> None:
        self._inner.close()

    def _write(self, name: str, text: str) -> None:
        for found, instead in self._pairs:
            text = re.sub(
                re.escape(found), instead.replace("\\", r"\\"), text, flags=re.IGNORECASE
            )
        (self._folder / name).write_text(text, encoding="utf-8", newline="\n")


class ReplayTransport(Transport):
    """Answers from a recording.

    A request is answered by the recorded answers to the same request, in the order they were
    given; the last one is repeated, as a poll would see it.

    Args:
        folder: A recording.

    Raises:
        ConfigError: there is no recording in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._answers: dict[str, list[str]] = {}
        self._folder = folder
        for request in sorted(folder.glob("*.request.xml")):
            answer = request.with_name(request.name.replace(".request.xml", ".answer.xml"))
            key = request.read_text(encoding="utf-8")
            self._answers.setdefault(key, []).append(answer.read_text(encoding="utf-8"))
        if not self._answers:
            msg = f"there is no recording in {folder}"
            raise ConfigError(msg, hint="Record one with RecordingTransport.")

    @override
    def post(self, envelope: str) -> bytes:
        key = _neutral_request(envelope)
        with self._lock:
            left = self._answers.get(key)
            if not left:
                msg = f"the recording in {self._folder} has no answer to {_operation(envelope)}"
                raise ProtocolError(msg, hint="Record it again with the present version.")
            answer = left.pop(0) if len(left) > 1 else left[0]
        asked = _MESSAGE_ID.search(envelope)
        return answer.replace(_REQUEST_ID, asked[2] if asked else "").encode()

    @override
    def close(self) -> None:
        """Nothing to let go of."""


def _neutral_request(text: str) -> str:
    text = _MESSAGE_ID.sub(rf"\g<1>{_REQUEST_ID}\g<3>", text)
    return _TO.sub(rf"\g<1>{_ADDRESS}\g<3>", text)


def _neutral_answer(text: str) -> str:
    text = _MESSAGE_ID.sub(rf"\g<1>{_ANSWER_ID}\g<3>", text)
    text = _RELATES_TO.sub(rf"\g<1>{_REQUEST_ID}\g<3>", text)
    return _MACHINE.sub(r"\g<1>host.example\g<3>", text)


def _operation(envelope: str) -> str:
    found = _ACTION.search(envelope)
    return found[1] if found else "Identify"


def _decode(answer: bytes) -> str:
    """Return an answer as text without its XML declaration; hosts may also send UTF-16."""
    is_wide = answer[:2] in {b"\xff\xfe", b"\xfe\xff"}
    text = answer.decode("utf-16" if is_wide else "utf-8-sig", errors="replace")
    return re.sub(r"\A\s*<\?xml[^>]*\?>", "", text)
