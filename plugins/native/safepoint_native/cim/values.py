"""CIM values: references, rows with typed readers, times.

The wire does not tell a string from a number or a list of one from a scalar, so a row keeps what
was sent and the reader says which type it expects. A value that is not of that type raises
`ProtocolError`: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from safepoint.errors import ProtocolError
from safepoint_native.cim.reference import CimRef

__all__ = ["CimRow", "WireItem", "parse_duration", "parse_moment"]

_T = TypeVar("_T")

#: A date at or before this year means "never": Windows renders NULL times as 1601-01-01.
_NEVER_YEAR = 1601
_CIM_MOMENT = re.compile(r"(\d{14})\.(\d{6})([+-])(\d{3})")
_CIM_INTERVAL = re.compile(r"(\d{8})(\d{2})(\d{2})(\d{2})\.(\d{6}):000")
_ISO_INTERVAL = re.compile(
    r"P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def parse_moment(text: str) -> datetime | None:
    """Read a point in time, ISO 8601 or the 25-character CIM form, as aware UTC.

    None for 1601-01-01, which stands for "never" [recorded on a real host]. A time without a
    zone is taken as UTC, which is what WS-Man sends.

    Raises:
        ValueError: the text is not a time.
    """
    cim = _CIM_MOMENT.fullmatch(text)
    if cim:
        digits, micros, sign, minutes = cim.groups()
        local = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(
            microsecond=int(micros), tzinfo=UTC
        )
        offset = timedelta(minutes=int(minutes))
        moment = local - offset if sign == "+" else local + offset
    else:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
    return None if moment.year <= _NEVER_YEAR else moment.astimezone(UTC)


def parse_duration(text: str) -> timedelta:
    """Read an interval: an ISO 8601 duration without years and months, or the CIM form.

    Raises:
        ValueError: the text is not an interval.
    """
    cim = _CIM_INTERVAL.fullmatch(text)
    if cim:
        days, hours, minutes, seconds, micros = (int(part) for part in cim.groups())
        return timedelta(days, seconds, micros, minutes=minutes, hours=hours)
    iso = _ISO_INTERVAL.fullmatch(text)
    if not iso or text in {"P", "PT"}:
        msg = f"not an interval: {text!r}"
        raise ValueError(msg)
    return timedelta(**{unit: float(part) for unit, part in iso.groupdict().items() if part})


@dataclass(frozen=True)
class CimRow:
    """An instance, or the outputs of a method, as it came.

    Property names are case sensitive, as they are in message bodies.
    """

    class_name: str
    properties: Mapping[str, tuple[WireItem, ...]]
    """Name → the items sent. A NULL scalar is ``(None,)``; a NULL array is absent."""
    namespace: str = ""
    """With slashes; empty for an embedded instance."""
    ref: CimRef | None = field(default=None, compare=False)
    """Set when the query asked for references."""

    def __contains__(self, name: str) -> bool:
        """Tell whether the property holds a value other than NULL."""
        return any(item is not None for item in self.properties.get(name, ()))

    def text(self, name: str) -> str | None:
        """Return a string; None for NULL or absent, the empty string for an empty element."""
        item = self._single(name)
        if item is None or isinstance(item, str):
            return item
        raise self._wrong(name, "a string")

    def need_text(self, name: str) -> str:
        """Return a string that must be there; raises ProtocolError for NULL."""
        return self._need(name, self.text(name))

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None for NULL or absent."""
        text = self.text(name)
        return None if text is None or not text.strip() else self._to_integer(name, text)

    def need_integer(self, name: str) -> int:
        """Return a whole number that must be there; raises ProtocolError for NULL."""
        return self._need(name, self.integer(name))

    def flag(self, name: str) -> bool | None:
        """Return a boolean, in whatever case it was written, or None for NULL or absent."""
        text = self.text(name)
        if text is None:
            return None
        word = text.strip().lower()
        if word not in {"true", "false", "1", "0"}:
            raise self._wrong(name, "a boolean")
        return word in {"true", "1"}

    def moment(self, name: str) -> datetime | None:
        """Return a point in time as aware UTC; None for NULL, absent and 1601-01-01."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_moment(text.strip())
        except ValueError as exc:
            raise self._wrong(name, "a date and time") from exc

    def duration(self, name: str) -> timedelta | None:
        """Return an interval, or None for NULL or absent."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_duration(text.strip())
        except ValueError as exc:
            raise self._wrong(name, "an interval") from exc

    def reference(self, name: str) -> CimRef | None:
        """Return a reference, sent as an endpoint or as an object path; None for NULL."""
        item = self._single(name)
        if item is None or isinstance(item, CimRef):
            return item
        if isinstance(item, str):
            return CimRef.from_path(item) if item else None
        raise self._wrong(name, "a reference")

    def nested(self, name: str) -> CimRow | None:
        """Return an object sent inside this one as an element tree; None for NULL."""
        item = self._single(name)
        if item is None or isinstance(item, CimRow):
            return item
        raise self._wrong(name, "an embedded object")

    def items(self, name: str) -> tuple[WireItem, ...]:
        """Return everything sent under a name without NULLs; empty for NULL and absent."""
        return tuple(item for item in self.properties.get(name, ()) if item is not None)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return an array of strings; empty for NULL and absent."""
        found: list[str] = []
        for item in self.items(name):
            if not isinstance(item, str):
                raise self._wrong(name, "an array of strings")
            found.append(item)
        return tuple(found)

    def integers(self, name: str) -> tuple[int, ...]:
        """Return an array of whole numbers; empty for NULL and absent."""
        return tuple(self._to_integer(name, text) for text in self.texts(name))

    def _single(self, name: str) -> WireItem:
        found = self.properties.get(name, ())
        if len(found) > 1:
            raise self._wrong(name, "a single value")
        return found[0] if found else None

    def _to_integer(self, name: str, text: str) -> int:
        try:
            return int(text.strip())
        except ValueError as exc:
            raise self._wrong(name, "a whole number") from exc

    def _need(self, name: str, value: _T | None) -> _T:
        if value is None:
            msg = f"{self.class_name}.{name} is empty although it must not be"
            raise ProtocolError(msg, operation=self.class_name)
        return value

    def _wrong(self, name: str, wanted: str) -> ProtocolError:
        shown = repr(self.properties.get(name, ()))[:120]
        msg = f"{self.class_name}.{name} should be {wanted}, but the host sent {shown}"
        return ProtocolError(msg, operation=self.class_name)


#: One item of a property: text, NULL, a reference, or an object sent as elements.
WireItem = str | None | CimRef | CimRow
