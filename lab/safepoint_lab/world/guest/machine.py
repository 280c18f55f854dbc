"""One guest: boots from its disks, runs the bank, freezes, stops; can be patched or damaged."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

from safepoint_lab.world.bank import (
    PAGE_BYTES,
    Bank,
    PageWrite,
    State,
    Verdict,
    judge,
    recover,
)
from safepoint_lab.world.content import BANK_PATH, TRAIL_PATH, VERSION_PATH, module_paths
from safepoint_lab.world.fat import FatVolume, FileExtent
from safepoint_lab.world.guest.disk import GuestDisk
from safepoint_lab.world.guest.report import GuestReport, inspect, reader_of

__all__ = ["GuestMachine"]


class GuestMachine:
    """The guest of one VM. `lock` covers the bytes of all its disks; methods take it.

    Args:
        guid: The VM's GUID.
        open_disks: Opens the VM's disks, in order, on their active files.
        release: Called when the guest wants no file open for a while.
        seed: Decides the transactions.
    """

    def __init__(
        self,
        guid: str,
        open_disks: Callable[[], list[GuestDisk]],
        release: Callable[[], None],
        seed: str,
    ) -> None:
        self.guid = guid
        self.lock = threading.RLock()
        self.problem = ""
        self._open_disks = open_disks
        self._release = release
        self._on = False
        self._rng = random.Random(seed)  # noqa: S311 - reproducible traffic, no secret
        self._disks: list[GuestDisk] = []
        self._bank: Bank | None = None
        self._bank_place = 0
        self._trail: FileExtent | None = None
        self._writes: Iterator[PageWrite] | None = None
        self._frozen = False

    @property
    def on(self) -> bool:
        """Whether the guest is powered on."""
        return self._on

    @property
    def committed(self) -> int:
        """Number of the last transaction; 0 while the application is down."""
        return self._bank.committed if self._bank is not None else 0

    def power_on(self) -> None:
        """Switch on; the guest boots when it first gets to work (or is frozen)."""
        with self.lock:
            self._on = True
            self._frozen = False
            self.problem = ""

    def stop(self, *, clean: bool) -> None:
        """Stop: a clean one brings the bank to rest first, else the power is cut."""
        with self.lock:
            if clean and self._on:
                self._boot()
                self._rest()
            self._on = False
            self._bank = None
            self._writes = None
            self.park()

    def end(self) -> None:
        """Stop for good, because the VM is gone; nothing is released after that.

        Somebody may still park what he served last, and a VM that came back with the same id has
        the files open by then.
        """
        with self.lock:
            self.stop(clean=False)
            self._release = _nothing

    def close(self) -> None:
        """Close the disk files; the next use opens the then active ones."""
        with self.lock:
            for disk in self._disks:
                disk.close()
            self._disks = []

    def park(self) -> None:
        """Close everything that is open; what the guest has in memory stays."""
        with self.lock:
            self.close()
            self._release()

    def step(self) -> bool:
        """Do one page write of the traffic; False when the guest does not run or is busy."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if not self._on or self._frozen:
                return False
            self._boot()
            if self._bank is None:
                return False
            if self._writes is None:
                self._writes = self._traffic(self._bank)
            write = next(self._writes, None)
            if write is None:
                self._writes = None
            else:
                self._opened()[0].write_at(self._bank_place + write.offset, write.data)
            return True
        finally:
            self.lock.release()

    def fail(self, problem: str) -> None:
        """Take the application down because its storage failed."""
        with self.lock:
            self._bank = None
            self._writes = None
            self.problem = problem

    def freeze(self) -> None:
        """Bring the application to rest and hold it there until `thaw`."""
        with self.lock:
            self._boot()
            self._rest()
            self._frozen = True

    def hold(self) -> None:
        """Stop the application where it is, without bringing it to rest, until `thaw`."""
        with self.lock:
            self._frozen = True

    def thaw(self) -> None:
        """Let the application go on."""
        self._frozen = False

    def read_file(self, path: str) -> bytes:
        """Read a file of the system disk; FileNotFoundError when there is none."""
        with self.lock:
            return FatVolume.open(self._opened()[0]).read_file(path)

    def write_file(self, path: str, data: bytes) -> None:
        """Write a file on the system disk; its directory must exist."""
        with self.lock:
            FatVolume.open(self._opened()[0]).write_file(path, data)

    def apply_patch(self, version: str) -> None:
        """Install a bad patch: a new version text, and application files that are broken."""
        with self.lock:
            volume = FatVolume.open(self._opened()[0])
            volume.write_file(VERSION_PATH, f"{version}\n".encode())
            for path in module_paths()[::2]:
                data = volume.read_file(path)
                volume.write_file(path, self._rng.randbytes(len(data)))

    def damage(self) -> None:
        """Overwrite half of the bank with noise, as a bad application or malware would."""
        with self.lock:
            self._writes = None
            self._bank = None
            self.problem = "BANK.DAT was damaged"
            disk = self._opened()[0]
            place = FatVolume.open(disk).locate(BANK_PATH)
            noise = self._rng.randbytes(place.length // 2)
            disk.write_at(place.offset, noise)

    def inspect(self) -> GuestReport:
        """Look into the system disk as it is at this moment."""
        with self.lock:
            return inspect(self._opened()[0])

    def verdict(self) -> Verdict:
        """Judge the bank as a checkpoint of this moment would show it."""
        with self.lock:
            disk = self._opened()[0]
            try:
                return judge(reader_of(disk, FatVolume.open(disk)))
            except (ValueError, OSError) as error:
                return Verdict(State.TORN, 0, str(error))

    def disks(self) -> list[GuestDisk]:
        """Return the open disks; only while the caller holds `lock`."""
        return self._opened()

    def _opened(self) -> list[GuestDisk]:
        if not self._disks:
            self._disks = self._open_disks()
        return self._disks

    def _boot(self) -> None:
        """Recover the bank as after a crash, if need be, and come to rest.

        A guest whose application cannot start stays up with `problem` saying why.
        """
        if not self._on or self._bank is not None or self.problem:
            return
        try:
            self._start_bank(self._opened())
        except (ValueError, OSError) as error:
            self._bank = None
            self.problem = str(error)

    def _start_bank(self, disks: list[GuestDisk]) -> None:
        volume = FatVolume.open(disks[0])
        self._bank_place = volume.locate(BANK_PATH).offset
        self._trail = FatVolume.open(disks[1]).locate(TRAIL_PATH) if len(disks) > 1 else None
        read = reader_of(disks[0], volume)
        bank = recover(read, self._rng)
        if judge(read).state is not State.APPLICATION:
            for write in bank.restate():
                disks[0].write_at(self._bank_place + write.offset, write.data)
        self._bank = bank

    def _traffic(self, bank: Bank) -> Iterator[PageWrite]:
        """Yield the writes of one transaction; the trail on the second disk follows it."""
        yield from bank.transaction()
        if self._trail is not None:
            slot = bank.committed * PAGE_BYTES % self._trail.length
            entry = f"transaction {bank.committed}\n".encode().ljust(PAGE_BYTES, b".")
            self._opened()[1].write_at(self._trail.offset + slot, entry)

    def _rest(self) -> None:
        if self._bank is None:
            return
        disk = self._opened()[0]
        for write in self._writes or ():
            disk.write_at(self._bank_place + write.offset, write.data)
        self._writes = None
        for write in self._bank.rest():
            disk.write_at(self._bank_place + write.offset, write.data)


def _nothing() -> None:
    """Leave the files alone."""
