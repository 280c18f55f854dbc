"""Opening a disk file with everything it stands on, read from the files themselves.

The host is not asked for parents: opening a file on a share in the caller's name would need a
second hop, which a network logon has not got.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from safepoint.errors import DamagedDataError, NotFoundError
from safepoint_native.sources.port import ShareAccess
from safepoint_native.vhdx import Chain, VhdxImage

__all__ = ["opened_chain", "parent_of"]

#: Hyper-V allows 50 checkpoints; a longer chain is a loop.
_LONGEST_CHAIN = 64


@contextmanager
def opened_chain(shares: ShareAccess, path: str) -> Iterator[Chain]:
    """Open a disk file and its parents, and close them at the end of the block.

    Raises:
        NotFoundError: a file of the chain is not where its child says.
        DamagedDataError: a file is damaged, or is not the parent its child was made from.
    """
    with ExitStack() as stack:
        images: list[VhdxImage] = []
        where: str | None = path
        while where is not None:
            if len(images) >= _LONGEST_CHAIN:
                msg = f"the chain below {path} does not end"
                raise DamagedDataError(msg)
            source = shares.open(where)
            stack.callback(source.close)
            image = VhdxImage.open(source)
            images.append(image)
            where = _parent_path(shares, where, image)
        yield Chain(images)


def parent_of(shares: ShareAccess, path: str) -> str:
    """Return the path of the file that a differencing file stands on; empty for a base file.

    Raises:
        NotFoundError: the file, or its parent, is not there.
        DamagedDataError: the file is damaged.
    """
    source = shares.open(path)
    try:
        return _parent_path(shares, path, VhdxImage.open(source)) or ""
    finally:
        source.close()


def _parent_path(shares: ShareAccess, child: str, image: VhdxImage) -> str | None:
    if image.parent is None:
        return None
    folder = child.rsplit("\\", 1)[0]
    relative = image.parent.relative_path.removeprefix(".\\")
    candidates = [f"{folder}\\{relative}"] if relative and ".." not in relative else []
    if image.parent.absolute_path.startswith("\\\\"):
        candidates.append(image.parent.absolute_path.replace("\\\\?\\UNC\\", "\\\\"))
    for candidate in candidates:
        if shares.exists(candidate):
            return candidate
    tried = ", ".join(candidates) or "it names none on a share"
    msg = f"the parent of {child} is not there: {tried}"
    raise NotFoundError(msg, hint="The chain is broken or was moved; look at the VM's disks.")
