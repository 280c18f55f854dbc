"""Secrets by reference: where a secret is kept, never what it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import override

__all__ = [
    "REFERENCE_FORMS",
    "SECRET_IN_CLEAR",
    "SecretRef",
    "SecretScheme",
    "looks_like_reference",
]

#: The accepted forms, for messages and documentation.
REFERENCE_FORMS: Final = "env:NAME, file:PATH, keyring:SERVICE/USER or exec:COMMAND"

#: The code of the finding "a secret is written in clear".
SECRET_IN_CLEAR: Final = "secret_in_clear"  # noqa: S105  # the name of a finding, no secret


class SecretScheme(StrEnum):
    """The kind of place a secret is kept in."""

    ENV = "env"
    """An environment variable."""
    FILE = "file"
    """The content of a file, without one closing line break."""
    KEYRING = "keyring"
    """The key ring of the operating system: `service/user`."""
    EXEC = "exec"
    """The standard output of a command, without one closing line break; no shell."""


_TARGETS: Final[Mapping[SecretScheme, re.Pattern[str]]] = {
    SecretScheme.ENV: re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    SecretScheme.FILE: re.compile(r"\S(?:.*\S)?"),
    SecretScheme.KEYRING: re.compile(r"[^/\s](?:[^/]*[^/\s])?/\S(?:.*\S)?"),
    SecretScheme.EXEC: re.compile(r"\S(?:.*\S)?"),
}
_PATTERN: Final = "|".join(f"{scheme}:{rule.pattern}" for scheme, rule in _TARGETS.items())


def looks_like_reference(text: str) -> bool:
    """Tell whether `text` has one of the forms of `REFERENCE_FORMS`; nothing is looked up."""
    scheme, colon, target = text.partition(":")
    if not colon or scheme not in _TARGETS:
        return False
    return _TARGETS[SecretScheme(scheme)].fullmatch(target) is not None


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is kept. Holds no secret, so it may be printed, stored and compared.

    In an estate document it is the text `env:NAME`, `file:/path`, `keyring:service/user` or
    `exec:command argument …`. Any other text is refused as a secret written in clear, with an
    error that does not repeat it.
    """

    scheme: SecretScheme
    target: str
    """What follows the colon, as it was written."""
    base_dir: Path | None = field(default=None, compare=False)
    """The folder of the document: relative files and commands are looked up from here."""

    @classmethod
    def parse(cls, text: str, *, base_dir: Path | None = None) -> SecretRef:
        """Read the text form; raises ValueError, without the text, on anything else."""
        if not looks_like_reference(text):
            msg = f"not a reference to a secret; expected {REFERENCE_FORMS}"
            raise ValueError(msg)
        scheme, _, target = text.partition(":")
        return cls(SecretScheme(scheme), target, base_dir)

    @override
    def __str__(self) -> str:
        return f"{self.scheme}:{self.target}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        del source, handler
        return core_schema.with_info_plain_validator_function(
            cls._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        del schema, handler
        return cls.json_schema()

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Return the JSON Schema of the text form."""
        return {
            "title": "secret reference",
            "type": "string",
            "pattern": f"^(?:{_PATTERN})$",
            "examples": ["env:PASSWORD"],
        }

    @classmethod
    def _validate(cls, value: Any, info: core_schema.ValidationInfo[Any]) -> SecretRef:
        if isinstance(value, SecretRef):
            return value
        if not isinstance(value, str) or not looks_like_reference(value):
            template = "a secret must be a reference: {forms}"
            raise PydanticCustomError(SECRET_IN_CLEAR, template, {"forms": REFERENCE_FORMS})
        context = info.context if isinstance(info.context, Mapping) else {}
        return cls.parse(value, base_dir=context.get("base_dir"))
