"""Restore from the safepoint repository this script lies in, without safepoint.

Needs Python 3.10 and ``pip install zstandard``; with ``pip install blake3`` every byte is
verified, without it only zstd's own checksums are.

    python restore.py                          list restore points
    python restore.py VM POINT                 list its disks and files
    python restore.py VM POINT NAME OUTPUT     write one disk (raw, sparse) or file
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import zstandard

try:
    import blake3
except ImportError:  # verification is optional here; the user is told below
    HAS_BLAKE3 = False
else:
    HAS_BLAKE3 = True

ROOT = Path(__file__).resolve().parent
RECORD_HEADER_BYTES = 72  # skippable frame before each zstd frame
PIECE = struct.Struct("<QIII")


def say(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")


def check(data: bytes, digest: bytes, what: str) -> None:
    """End with a message when the digest does not fit."""
    if HAS_BLAKE3 and blake3.blake3(data).digest() != digest:
        sys.exit(f"DAMAGED: {what}: digest does not fit")


class Index:
    """Which record holds which piece: a JSON head, then columns, all little-endian."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        _, note_bytes = struct.unpack_from("<II", data)
        note, frame = data[8 : 8 + note_bytes], data[8 + note_bytes :]
        # note: kind, digest of the rest, then format, body length, digest of the frame
        version, body_bytes, digest = struct.unpack_from("<IQ32s", note, 36)
        if note[:4] != b"SPIX" or version != 1:
            sys.exit(f"{path}: not an index this script understands")
        check(frame, digest, str(path))
        self.body = zstandard.ZstdDecompressor().decompress(frame, max_output_size=body_bytes)
        (head_bytes,) = struct.unpack_from("<I", self.body)
        self.at = 4 + head_bytes
        self.head: dict[str, Any] = json.loads(self.body[4 : self.at])
        count = self.head["records"]
        self.packs = self.column("I", 4, count)
        self.offsets = self.column("Q", 8, count)
        self.stored = self.column("I", 4, count)
        self.lengths = self.column("I", 4, count)
        self.digests = self.body[self.at : self.at + 32 * count]
        self.at += 32 * count
        self.pieces = {}
        for stream in self.head["streams"]:
            n = stream["pieces"]
            columns = [
                self.column(code, size, n) for code, size in zip("QIII", (8, 4, 4, 4), strict=True)
            ]
            self.pieces[stream["name"]] = list(zip(*columns, strict=True))

    def column(self, code: str, item_bytes: int, count: int) -> tuple[int, ...]:
        """Take the next column of the body."""
        values = struct.unpack_from(f"<{count}{code}", self.body, self.at)
        self.at += item_bytes * count
        return values

    def record(self, number: int) -> bytes:
        """Return the plain bytes of a record."""
        pack_id = self.head["packs"][self.packs[number]][0]
        path = ROOT / "packs" / pack_id[:2] / f"{pack_id}.pack"
        with path.open("rb") as pack:
            pack.seek(self.offsets[number] + RECORD_HEADER_BYTES)
            frame = pack.read(self.stored[number] - RECORD_HEADER_BYTES)
        where = f"{path} at byte {self.offsets[number]}"
        try:
            plain = zstandard.ZstdDecompressor().decompress(frame)
        except zstandard.ZstdError as error:
            sys.exit(f"DAMAGED: {where}: {error}")
        if len(plain) != self.lengths[number]:
            sys.exit(f"DAMAGED: {where}: wrong length")
        check(plain, self.digests[32 * number : 32 * number + 32], where)
        return plain


def find(vm: str, point: str) -> Path:
    """Return the index of a restore point."""
    for path in ROOT.glob("points/*/*.index"):
        if (unquote(path.parent.name), unquote(path.stem)) == (vm, point):
            return path
    sys.exit(f"no restore point {point!r} of {vm!r} here")


def manifests() -> Iterator[dict[str, Any]]:
    """Yield what is known about each restore point."""
    for path in sorted(ROOT.glob("points/*/*.json")):
        if path.with_suffix(".index").exists():
            yield json.loads(path.read_text(encoding="utf-8"))


def restore(index: Index, name: str, output: Path) -> None:
    """Write one disk or file; holes stay holes."""
    (size,) = (one["size_bytes"] for one in index.head["streams"] if one["name"] == name)
    with output.open("xb") as out:
        out.truncate(size)
        for offset, length, record, skip in index.pieces[name]:
            out.seek(offset)
            out.write(index.record(record)[skip : skip + length])
    say(f"{output}: {size} bytes")


def main() -> None:
    """List or restore."""
    parser = argparse.ArgumentParser(description="Restore from a safepoint repository.")
    for argument in ("vm", "point", "name"):
        parser.add_argument(argument, nargs="?")
    parser.add_argument("output", nargs="?", type=Path)
    given = parser.parse_args()
    if not HAS_BLAKE3:
        say("warning: python package blake3 is missing: digests are not verified")
    if given.point is None:
        for one in manifests():
            if given.vm in (None, one["vm"]):
                disks = ", ".join(disk["name"] for disk in one["disks"])
                say(f"{one['vm']}  {one['point']}  {one['created_at']}  {disks}")
        return
    index = Index(find(given.vm, given.point))
    if given.output is None:
        for stream in index.head["streams"]:
            say(f"{stream['kind']}  {stream['name']}  {stream['size_bytes']} bytes")
    elif given.name not in index.pieces:
        sys.exit(f"no disk or file {given.name!r} in this restore point")
    else:
        restore(index, given.name, given.output)


if __name__ == "__main__":
    main()
