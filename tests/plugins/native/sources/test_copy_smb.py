"""From a real SMB share into a repository and back onto the share."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from safepoint_native.copying import copy_disk, restore_disk
from safepoint_native.repository import Repository
from safepoint_native.sources.smb import SmbShares
from safepoint_native.vhdx import Chain, DiskKind, FileSource, SequentialVhdxWriter, VhdxImage

ROOT = r"\\fs01\vmstore"
MIB = 1 << 20
SIZE = 24 * MIB


def test_a_disk_on_a_share_is_copied_and_restored_over_smb(
    samba: Any, proxy: Any, tmp_path: Path
) -> None:
    image = bytearray(SIZE)
    for at in range(3 * MIB, 19 * MIB, 2 * MIB):
        image[at : at + MIB + 4096] = random.Random(at).randbytes(MIB + 4096)
    path = samba.folder / "copied.vhdx"
    with SequentialVhdxWriter(path, kind=DiskKind.DYNAMIC, size_bytes=SIZE) as made:
        for at in range(0, SIZE, MIB):
            made.write(at, image[at : at + MIB])
    shares = SmbShares(ROOT, samba.server(port=proxy.port, encrypt=True), timeout_seconds=20)
    repository = Repository.create(tmp_path / "repository")
    writer = repository.begin("p", vm="vm", tag="t")
    source = shares.open(rf"{ROOT}\copied.vhdx")
    with Chain([VhdxImage.open(source)]) as chain:
        proxy.cut_after_bytes = 6 * MIB  # the copy has to survive that
        copy_disk(chain, writer.disk("d", SIZE))
    writer.seal()
    assert repository.verify("p").is_good
    assert proxy.connections > 3

    sink = shares.create(rf"{ROOT}\restored.raw")
    with repository.reader("p") as reader:
        disk = reader.disk("d")
        sink.resize(disk.size_bytes)
        restore_disk(disk, _Positioned(sink))
    sink.close()
    assert (samba.folder / "restored.raw").read_bytes() == image
    shares.close()
    with Chain([VhdxImage.open(FileSource(path))]) as chain:
        assert chain.read_at(0, SIZE) == image


class _Positioned:
    """A raw image on a share."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def write(self, offset: int, data: Any, /) -> None:
        self._sink.write_at(offset, data)
