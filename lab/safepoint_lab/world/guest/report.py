"""What can be told about a guest by looking into its system disk."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from safepoint_lab.world.bank import State, Verdict, judge
from safepoint_lab.world.content import BANK_PATH, HOSTNAME_PATH, MANIFEST_PATH, VERSION_PATH
from safepoint_lab.world.device import BlockDevice
from safepoint_lab.world.fat import FatVolume

__all__ = ["AppHealth", "GuestReport", "inspect", "judge_bank", "reader_of"]


@dataclass(frozen=True, slots=True)
class AppHealth:
    """The application: its version, and which of its files are not what the manifest says."""

    version: str
    broken_files: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every file of the application is sound."""
        return not self.broken_files


@dataclass(frozen=True, slots=True)
class GuestReport:
    """One look into a guest's system disk; `problem` says why it cannot be read at all."""

    hostname: str
    app: AppHealth
    bank: Verdict
    problem: str = ""


def inspect(device: BlockDevice) -> GuestReport:
    """Look into a system disk, through whatever reads it."""
    try:
        volume = FatVolume.open(device)
        hostname = volume.read_file(HOSTNAME_PATH).decode("ascii", "replace").strip()
        return GuestReport(hostname, _health(volume), judge_bank(device, volume))
    except (ValueError, OSError, IndexError) as error:
        torn = Verdict(State.TORN, 0, "the volume cannot be read")
        return GuestReport("", AppHealth("", (MANIFEST_PATH,)), torn, str(error))


def judge_bank(device: BlockDevice, volume: FatVolume) -> Verdict:
    """Judge the bank of a volume."""
    return judge(reader_of(device, volume))


def reader_of(device: BlockDevice, volume: FatVolume) -> Callable[[int, int], bytes]:
    """Return a reader of BANK.DAT by offsets inside the file."""
    place = volume.locate(BANK_PATH).offset
    return lambda offset, length: device.read_at(place + offset, length)


def _health(volume: FatVolume) -> AppHealth:
    version = volume.read_file(VERSION_PATH).decode("ascii", "replace").strip()
    broken = []
    for line in volume.read_file(MANIFEST_PATH).decode("ascii", "replace").splitlines():
        path, size, crc = line.split()
        data = volume.read_file(path)
        if len(data) != int(size) or f"{zlib.crc32(data):08x}" != crc:
            broken.append(path)
    return AppHealth(version, tuple(broken))
