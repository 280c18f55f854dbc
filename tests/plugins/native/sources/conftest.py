"""A private Samba server, and a proxy in front of it that can cut lines."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from safepoint.models.systems import ShareServer

PASSWORD = "correct horse battery"
SHARE = r"\\fs01\vmstore"

CONFIGURATION = """
[global]
    server role = standalone server
    smb ports = {port}
    interfaces = 127.0.0.1/8
    bind interfaces only = yes
    private dir = {base}/private
    lock directory = {base}/lock
    state directory = {base}/state
    cache directory = {base}/cache
    pid directory = {base}/pid
    ncalrpc dir = {base}/ncalrpc
    log file = {base}/log
    passdb backend = tdbsam:{base}/private/passdb.tdb
    username map = {base}/users
    server min protocol = SMB2_02
    server signing = mandatory
    load printers = no
    disable spoolss = yes
    max log size = 0
[vmstore]
    path = {base}/share
    read only = no
[locked]
    path = {base}/share
    read only = yes
[secret]
    path = {base}/share
    read only = no
    server smb encrypt = required
"""


@dataclass(frozen=True)
class Samba:
    """A running server with one account, and the folder behind its share."""

    port: int
    folder: Path

    def server(self, **changes: object) -> ShareServer:
        known = {
            "server": "127.0.0.1",
            "port": self.port,
            "username": "backup",
            "password": SecretStr(PASSWORD),
        }
        return ShareServer.model_validate({**known, **changes})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="session")
def samba(need_tool: Callable[[str, str], str]) -> Iterator[Samba]:
    smbd, pdbedit = need_tool("smbd", "samba"), need_tool("pdbedit", "samba")
    # Samba puts sockets below; their paths may not be long.
    base = Path(tempfile.mkdtemp(prefix="smb-", dir="/tmp"))
    port = _free_port()
    for name in ("private", "lock", "state", "cache", "pid", "ncalrpc", "share"):
        (base / name).mkdir()
    (base / "users").write_text(f"{getpass.getuser()} = backup\n")
    conf = base / "smb.conf"
    conf.write_text(CONFIGURATION.format(port=port, base=base))
    subprocess.run(
        [pdbedit, "-s", conf, "-a", "-t", "-u", getpass.getuser()],
        input=f"{PASSWORD}\n{PASSWORD}\n",
        text=True,
        check=True,
        capture_output=True,
    )
    command = [smbd, "--foreground", "--no-process-group", "-s", str(conf)]
    with (base / "out").open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while not _answers(port):
            assert process.poll() is None, (base / "out").read_text() + (base / "log").read_text()
            assert time.monotonic() < deadline, "smbd does not listen"
            threading.Event().wait(0.05)
        yield Samba(port, base / "share")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # the group that we started, nobody else's
        process.wait(10)
        shutil.rmtree(base, ignore_errors=True)


class Proxy:
    """Forwards a port; `cut` breaks every line, `refuse` also takes no new ones."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.refuses = False
        self.connections = 0
        self.cut_after_bytes: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.refuses:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            self.connections += 1
            with self._lock:
                self._pairs.append((near, far))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self.cut_after_bytes is not None:
                    self.cut_after_bytes -= len(data)
                    if self.cut_after_bytes < 0:
                        self.cut_after_bytes = None
                        self.cut()
                        return
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(samba: Samba) -> Iterator[Proxy]:
    made = Proxy(samba.port)
    yield made
    made.close()
