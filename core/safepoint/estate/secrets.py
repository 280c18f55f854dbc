"""From a reference to the secret itself; the only place where secrets are read.

An error names the reference and never the value, nor anything a command printed.
"""

from __future__ import annotations

import importlib
import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NoReturn

from pydantic import BaseModel, SecretStr

from safepoint.errors import ConfigError
from safepoint.models.secrets import SecretRef, SecretScheme

__all__ = ["SecretResolver", "secrets_in"]

_EXEC_TIMEOUT_SECONDS: Final = 30.0
_MAX_BYTES: Final = 1 << 20


def secrets_in(value: object) -> Iterator[str]:
    """Yield every secret that a value holds, at any depth of models, mappings and sequences."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for _name, inner in value:
            yield from secrets_in(inner)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secrets_in(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from secrets_in(inner)


class SecretResolver:
    """Reads secrets by reference. Nothing is cached: a rotated secret is seen at once.

    Args:
        environ: The environment that `env:` reads.
        exec_timeout_seconds: How long a command of `exec:` may take.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        exec_timeout_seconds: float = _EXEC_TIMEOUT_SECONDS,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._exec_timeout_seconds = exec_timeout_seconds
        self._readers: Mapping[SecretScheme, Callable[[SecretRef], str]] = {
            SecretScheme.ENV: self._from_environment,
            SecretScheme.FILE: _from_file,
            SecretScheme.KEYRING: _from_keyring,
            SecretScheme.EXEC: self._from_command,
        }

    def resolve(self, ref: SecretRef, /) -> SecretStr:
        """Return the secret; raises ConfigError when there is none, or an empty one."""
        value = self._readers[ref.scheme](ref)
        if not value:
            _fail(ref, "the secret is empty", "an empty password is never meant")
        return SecretStr(value)

    def _from_environment(self, ref: SecretRef) -> str:
        value = self._environ.get(ref.target)
        if value is None:
            _fail(ref, "the variable is not set", f"set {ref.target} before safepoint starts")
        return value

    def _from_command(self, ref: SecretRef) -> str:
        # Windows takes the command line as it is; elsewhere it is a list. A shell sees neither.
        command = ref.target if os.name == "nt" else _split(ref)
        try:
            done = subprocess.run(  # noqa: S603  # the user's own command, by reference
                command,
                cwd=ref.base_dir,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._exec_timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            seconds = f"{self._exec_timeout_seconds:g}"
            _fail(ref, f"the command gave no answer within {seconds} s", _TRY_COMMAND)
        except OSError as error:
            _fail(ref, f"the command cannot be started: {_reason(error)}", _TRY_COMMAND)
        if done.returncode != 0:
            _fail(ref, f"the command ended with status {done.returncode}", _TRY_COMMAND)
        return _text(ref, done.stdout)


_TRY_COMMAND: Final = "run it by hand, in the folder of the document, to see what it says"


def _split(ref: SecretRef) -> list[str]:
    try:
        return shlex.split(ref.target)
    except ValueError:
        _fail(ref, "a quote in the command is not closed", "close it")


def _from_file(ref: SecretRef) -> str:
    path = Path(ref.base_dir or "", Path(ref.target).expanduser())
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & stat.S_IROTH:
                _fail(ref, "every user of this machine can read the file", f"chmod 600 {path}")
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        _fail(ref, f"the file cannot be read: {_reason(error)}", f"looked for {path}")
    return _text(ref, content)


def _from_keyring(ref: SecretRef) -> str:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        _fail(ref, "the key ring support is not installed", "pip install 'safepoint[keyring]'")
    service, _, user = ref.target.partition("/")
    try:
        value = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001  # its backends raise whatever they like
        what = type(error).__name__
        _fail(ref, f"the key ring cannot be read: {what}", "unlock it, or see `keyring diagnose`")
    if not isinstance(value, str):
        hint = f"store it: keyring set {service} {user}"
        _fail(ref, "the key ring has no such entry", hint)
    return value


def _text(ref: SecretRef, content: bytes) -> str:
    if len(content) > _MAX_BYTES:
        _fail(ref, "more than 1 MiB is no secret", "name the right file or command")
    text = _decode(content)
    if text is None:
        _fail(ref, "the secret is not UTF-8 text", "store it as UTF-8")
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def _decode(content: bytes) -> str | None:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None  # the error itself would carry the content


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _fail(ref: SecretRef, reason: str, hint: str) -> NoReturn:
    # Of a command only the program: its arguments may be nobody's business.
    shown = f"exec:{ref.target.split()[0]} …" if ref.scheme is SecretScheme.EXEC else str(ref)
    msg = f"cannot read the secret {shown}: {reason}"
    raise ConfigError(msg, hint=hint) from None
