"""The two files for whoever finds a repository without safepoint: README.txt and restore.py.

Each ends in a line with the digest of everything before it, so verification needs no second
place to know them by.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files as package_files
from pathlib import Path

from blake3 import blake3

from safepoint.errors import NotFoundError
from safepoint_native.repository.layout import Layout
from safepoint_native.repository.sealing import read_whole, write_durably
from safepoint_native.sources.filesystem import FileSystem

__all__ = ["check_texts", "put_texts"]

_MARK = b"# blake3 of everything above: "
_README = """\
This folder is a safepoint repository: restore points of virtual machines.

To list and restore without safepoint, with Python 3.10 or newer:

    pip install zstandard            (and blake3, to verify every byte)
    python restore.py                lists the restore points
    python restore.py VM POINT DISK FILE      writes one disk as a raw image
    qemu-img convert -f raw -O vhdx -o subformat=dynamic,block_size=2M FILE disk.vhdx

packs/*/*.pack          the data: zstd frames (zstd -d reads them), each behind a skippable
                        frame that says which disk and offset it belongs to
points/VM/POINT.index   which piece of which disk lies in which pack; a complete restore point
points/VM/POINT.json    the same in short, for reading
*.partial               being written, or left by a run that died; safe to ignore
"""


def _sealed(text: bytes) -> bytes:
    return text + _MARK + blake3(text).hexdigest().encode() + b"\n"


def _texts(layout: Layout) -> dict[Path, bytes]:
    script = package_files("safepoint_native.repository") / "standalone" / "restore.py"
    # Universal newlines would make the digest depend on how the package was checked out.
    code = script.read_bytes().replace(b"\r\n", b"\n")
    return {layout.readme: _sealed(_README.encode()), layout.restore_script: _sealed(code)}


def put_texts(files: FileSystem, layout: Layout, tag: str) -> None:
    """Write both files, unless they are exactly what this version would write."""
    for path, text in _texts(layout).items():
        if files.exists(path) and read_whole(files, path) == text:
            continue
        partial = layout.partial(path, tag)
        files.remove(partial)
        write_durably(files, partial, text)
        files.rename(partial, path)
        files.sync_directory(path.parent)


def check_texts(files: FileSystem, layout: Layout) -> Iterator[tuple[Path, str]]:
    """Yield each of the two files that is missing or not what some version wrote, and why."""
    for path in (layout.readme, layout.restore_script):
        try:
            data = read_whole(files, path)
        except NotFoundError:
            yield path, "missing"
            continue
        text, _, _ = data.rpartition(_MARK)
        if _sealed(text) != data:
            yield path, "digest does not fit"
