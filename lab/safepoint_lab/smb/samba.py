"""A private smbd: own configuration, own account, own port, everything below one folder.

It listens on 127.0.0.1 only, speaks SMB 3 with signing required, and encrypts when asked. It
works as root and as a normal user, because the one account is the user that runs the lab (under
another name on the wire).
"""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from safepoint.errors import UnsupportedError
from safepoint_lab.smb.serving import ShareAccess, ShareServing
from safepoint_lab.world.model import Share

__all__ = ["SambaServing", "SambaSetup", "find_smbd"]

_START_SECONDS = 15.0
_STOP_SECONDS = 5.0
_SEARCH = "/usr/sbin:/sbin:/usr/local/sbin:/usr/local/samba/sbin:/opt/samba/sbin"
_CONFIG = """\
[global]
netbios name = FS01
server role = standalone server
disable netbios = yes
server smb encrypt = {encryption}
server signing = mandatory
server min protocol = SMB3_00
smb ports = {port}
interfaces = 127.0.0.1
bind interfaces only = yes
security = user
map to guest = never
guest account = {user}
passdb backend = tdbsam:{root}/private/passdb.tdb
username map = {root}/users.map
private dir = {root}/private
lock directory = {root}/lock
state directory = {root}/state
cache directory = {root}/cache
pid directory = {root}/pid
ncalrpc dir = {root}/ncalrpc
log file = {root}/smbd.log
log level = 1
load printers = no
printing = bsd
printcap name = /dev/null
disable spoolss = yes
dns proxy = no
server string = safepoint lab
"""
_SHARE = """
[{name}]
path = {folder}
read only = no
valid users = {user}
force user = {user}
oplocks = no
level2 oplocks = no
strict locking = no
dfree command = {root}/room-{name}.sh
"""
#: Asked by smbd for the room on a share: what a fault says, else what the disk says, in KiB.
_ROOM = """\
#!/bin/sh
cat "{root}/room/{name}" 2>/dev/null || df -Pk "{folder}" | awk 'NR == 2 {{ print $2, $4 }}'
"""
#: smbd takes total and free room in units of 1 KiB.
_TOTAL_KIB = 1 << 30


@dataclass(frozen=True, slots=True)
class SambaSetup:
    """What a private smbd needs to know. `port` 0 picks a free one."""

    folder: Path
    username: str
    password_file: Path
    shares: Sequence[Share]
    encrypt: bool = False
    port: int = 0


def find_smbd() -> str | None:
    """Return the path of smbd, None when it (or pdbedit) is not installed."""
    found = [_program(name) for name in ("smbd", "pdbedit")]
    return found[0] if all(found) else None


class SambaServing(ShareServing):
    """One smbd for all shares of a lab."""

    def __init__(self, setup: SambaSetup) -> None:
        self._setup = setup
        self._port = setup.port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @override
    def note(self) -> str:
        sealed = "signed and encrypted" if self._setup.encrypt else "signed"
        return f"shares are served by smbd on 127.0.0.1:{self._port}, SMB 3, {sealed}"

    @override
    def start(self) -> None:
        smbd = find_smbd()
        if smbd is None:
            message = "the shares cannot be served: smbd is not installed"
            hint = "Install it (`apt-get install samba`), or use --smb path."
            raise UnsupportedError(message, hint=hint)
        self._end_leftover()
        self._port = _free_port(self._port)
        self._write_config()
        self._add_account()
        log = self._setup.folder / "smbd.out"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - a program we found, fixed arguments
                [smbd, "--foreground", "--no-process-group", f"--configfile={self._config}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._wait_ready()

    @override
    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @override
    def access(self, share: Share) -> ShareAccess:
        return ShareAccess(
            unc=share.unc,
            server="127.0.0.1",
            port=self._port,
            username=self._setup.username,
            password_file=str(self._setup.password_file),
            encrypt=self._setup.encrypt,
        )

    @override
    def cut(self, share: Share) -> None:
        control = _program("smbcontrol")
        if control is not None:
            self._run([control, f"--configfile={self._config}", "smbd", "close-share", share.name])

    @override
    def tell_room(self, share: Share, free_bytes: int | None) -> None:
        told = self._setup.folder / "room" / share.name
        if free_bytes is None:
            told.unlink(missing_ok=True)
            return
        told.parent.mkdir(exist_ok=True)
        told.write_text(f"{_TOTAL_KIB} {free_bytes // 1024}\n", encoding="ascii")

    @property
    def _config(self) -> Path:
        return self._setup.folder / "smb.conf"

    def _end_leftover(self) -> None:
        """End the smbd of a lab that was killed; it is found by its own lock folder."""
        control = _program("smbcontrol")
        if control is not None and (self._setup.folder / "pid" / "smbd.pid").exists():
            subprocess.run(  # noqa: S603 - a program we found; it may well be gone already
                [control, f"--configfile={self._config}", "smbd", "shutdown"],
                capture_output=True,
                timeout=30,
                check=False,
            )

    def _write_config(self) -> None:
        root = self._setup.folder
        for name in ("private", "lock", "state", "cache", "pid", "ncalrpc"):
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        user = getpass.getuser()
        encryption = "required" if self._setup.encrypt else "off"
        text = _CONFIG.format(root=root, port=self._port, user=user, encryption=encryption)
        for share in self._setup.shares:
            text += _SHARE.format(name=share.name, folder=share.folder, user=user, root=root)
        self._config.write_text(text, encoding="utf-8")
        for share in self._setup.shares:
            script = root / f"room-{share.name}.sh"
            command = _ROOM.format(root=root, name=share.name, folder=share.folder)
            script.write_text(command, encoding="utf-8")
            script.chmod(0o700)
        shutil.rmtree(root / "room", ignore_errors=True)
        (root / "users.map").write_text(f"{user} = {self._setup.username}\n", encoding="utf-8")

    def _add_account(self) -> None:
        """Give the system's own user the lab's password, in the private account file."""
        pdbedit = _program("pdbedit")
        assert pdbedit is not None, "find_smbd looked for it"
        (self._setup.folder / "private" / "passdb.tdb").unlink(missing_ok=True)
        password = self._setup.password_file.read_text(encoding="utf-8").strip()
        command = [pdbedit, f"--configfile={self._config}", "-a", "-t", "-u", getpass.getuser()]
        self._run(command, given=f"{password}\n{password}\n")

    def _run(self, command: list[str], given: str = "") -> None:
        done = subprocess.run(  # noqa: S603 - programs we found, arguments of our own
            command, input=given, capture_output=True, text=True, timeout=30, check=False
        )
        if done.returncode != 0:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            message = f"{Path(command[0]).name} failed: {' '.join(reason)}"
            raise UnsupportedError(message, hint="Use --smb path to do without samba.")

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        message = f"smbd did not start on 127.0.0.1:{self._port}"
        hint = f"See {self._setup.folder / 'smbd.out'}, or use --smb path."
        raise UnsupportedError(message, hint=hint)


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=_SEARCH)


def _free_port(wanted: int) -> int:
    """Return the wanted port when it is free now, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return _free_port(0)
        return int(probe.getsockname()[1])
