"""Secrets are read where a reference says, and appear nowhere else."""

from __future__ import annotations

import os
import shlex
import stat
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from safepoint.errors import ConfigError
from safepoint.estate import SecretResolver
from safepoint.models.secrets import SecretRef

POSIX = pytest.mark.skipif(os.name != "posix", reason="file modes and shell words are POSIX")


def resolve(text: str, *, base_dir: Path | None = None, **options: Any) -> str:
    resolver = SecretResolver({"PW": "s3cret", "EMPTY": ""}, **options)
    return resolver.resolve(SecretRef.parse(text, base_dir=base_dir)).get_secret_value()


def refused(text: str, **options: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        resolve(text, **options)
    assert caught.value.hint
    assert "s3cret" not in str(caught.value.to_dict())
    return caught.value


def secret_file(path: Path, content: bytes = b"s3cret\n", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def python(code: str) -> str:
    if os.name == "nt":
        return f'exec:"{sys.executable}" -c "{code}"'
    return f"exec:{shlex.quote(sys.executable)} -c {shlex.quote(code)}"


def test_the_environment() -> None:
    assert resolve("env:PW") == "s3cret"


def test_a_variable_that_is_not_set() -> None:
    assert "env:NOPE: the variable is not set" in refused("env:NOPE").message


def test_an_empty_secret_is_refused() -> None:
    assert "empty" in refused("env:EMPTY").message


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b"s3cret\n\n", "s3cret\n"),
        (b" s3cret \n", " s3cret "),
        ("\ufeffs3cret".encode(), "s3cret"),
        ("pässwört\n".encode(), "pässwört"),
    ],
)
def test_a_file_loses_one_line_break_only(tmp_path: Path, content: Any, secret: str) -> None:
    path = secret_file(tmp_path / "pw", content)

    assert resolve(f"file:{path}") == secret


def test_a_relative_file_is_looked_up_from_the_folder_of_the_document(tmp_path: Path) -> None:
    secret_file(tmp_path / "pw")

    assert resolve("file:pw", base_dir=tmp_path) == "s3cret"


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    error = refused("file:pw", base_dir=tmp_path)

    assert str(tmp_path / "pw") in error.hint


@POSIX
def test_a_file_that_everyone_can_read_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "pw", mode=0o644)

    error = refused(f"file:{path}")

    assert "every user" in error.message
    assert error.hint == f"chmod 600 {path}"
    path.chmod(stat.S_IRUSR | stat.S_IRGRP)
    assert resolve(f"file:{path}") == "s3cret"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "pw", b"s3cret\xff")

    assert "UTF-8" in refused(f"file:{path}").message


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "pw", b"x" * (1 << 20) + b"y")

    assert "1 MiB" in refused(f"file:{path}").message


def test_a_command() -> None:
    assert resolve(python("print('s3cret')")) == "s3cret"


def test_a_command_runs_in_the_folder_of_the_document(tmp_path: Path) -> None:
    printed = resolve(python("import os; print(os.getcwd())"), base_dir=tmp_path)

    assert Path(printed).samefile(tmp_path)


@POSIX
def test_no_shell_looks_at_a_command() -> None:
    assert resolve("exec:echo 'a b' $HOME `id` ; echo x") == "a b $HOME `id` ; echo x"


def test_a_command_that_fails_shows_its_status_and_nothing_it_printed() -> None:
    code = "import sys; print('s3cret'); print('s3cret', file=sys.stderr); sys.exit(3)"

    assert refused(python(code)).message.endswith("…: the command ended with status 3")


def test_a_command_that_never_ends_is_stopped(tmp_path: Path) -> None:
    script = tmp_path / "wait.py"
    script.write_text("import threading\nprint('s3cret', flush=True)\nthreading.Event().wait()\n")
    ref = f"exec:{sys.executable} {script}"

    assert "within 0.5 s" in refused(ref, exec_timeout_seconds=0.5).message


def test_a_command_that_does_not_exist() -> None:
    assert "cannot be started" in refused("exec:no-such-command-anywhere --x").message


@POSIX
def test_a_quote_that_is_not_closed() -> None:
    assert "quote" in refused("exec:echo 'x").message


def keyring_module(monkeypatch: pytest.MonkeyPatch, get_password: Any) -> None:
    module = types.ModuleType("keyring")
    vars(module)["get_password"] = get_password
    monkeypatch.setitem(sys.modules, "keyring", module)


def test_the_key_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {("safepoint", "corp/backup"): "s3cret"}
    keyring_module(monkeypatch, lambda service, user: entries.get((service, user)))

    assert resolve("keyring:safepoint/corp/backup") == "s3cret"
    assert "keyring set safepoint other" in refused("keyring:safepoint/other").hint


def test_the_key_ring_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    assert refused("keyring:a/b").hint == "pip install 'safepoint[keyring]'"


def test_a_locked_key_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(service: str, user: str) -> None:
        raise RuntimeError("s3cret")

    keyring_module(monkeypatch, locked)

    assert "RuntimeError" in refused("keyring:a/b").message


@pytest.mark.parametrize("text", ["env:A", "file:/x y", "keyring:a/b", "exec:x --y z"])
def test_a_reference_reads_back_as_it_was_written(text: str) -> None:
    ref = SecretRef.parse(text)

    assert str(ref) == text
    assert SecretRef.parse(str(ref)) == ref


@pytest.mark.parametrize("text", ["", "hunter2", "env:", "env:a b", "ENV:A", "vault:x", "keyring:a", "file: ", "exec:"])  # fmt: skip
def test_other_texts_are_no_references_and_are_not_repeated(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        SecretRef.parse(text)

    assert "hunter2" not in str(caught.value)
