r"""UNC paths: ``\\server\share\folder\file``."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from safepoint.errors import InvalidRequestError

__all__ = ["UncPath"]

_FORBIDDEN = frozenset('<>:"|?*')


@dataclass(frozen=True, slots=True)
class UncPath:
    """A path on a share; names keep their case, comparisons ignore it as Windows does."""

    server: str
    share: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> UncPath:
        r"""Read a UNC path with back or forward slashes, also in its ``\\?\UNC\`` form.

        Raises:
            InvalidRequestError: it is none, leaves its share or holds names no share has.
        """
        plain = text.replace("/", "\\")
        if plain.upper().startswith("\\\\?\\UNC\\"):
            plain = "\\" + plain[7:]
        names = [name for name in plain.split("\\") if name]
        if not plain.startswith("\\\\") or len(names) < 2:
            msg = f"{text!r} is not a path on a share"
            raise InvalidRequestError(msg, hint=r"It has to look like \\server\share\folder\file.")
        for name in names:
            if name in (".", "..") or _FORBIDDEN & set(name) or not name.isprintable():
                msg = f"{text!r} holds {name!r}, which no share has"
                raise InvalidRequestError(msg)
        return cls(names[0], names[1], tuple(names[2:]))

    @override
    def __str__(self) -> str:
        return "\\".join(["", "", self.server, self.share, *self.parts])

    @property
    def root(self) -> str:
        r"""The share alone: ``\\server\share``."""
        return f"\\\\{self.server}\\{self.share}"

    @property
    def inner(self) -> str:
        """The path within the share, with backslashes; empty for its root."""
        return "\\".join(self.parts)

    def parents(self) -> list[UncPath]:
        """Return the folders above it within the share, the outermost first."""
        inner = range(1, len(self.parts))
        return [UncPath(self.server, self.share, self.parts[:depth]) for depth in inner]

    def folded(self) -> tuple[str, ...]:
        """Return all names in one case, for comparing."""
        return tuple(name.casefold() for name in (self.server, self.share, *self.parts))
