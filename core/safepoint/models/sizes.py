"""Numbers of bytes as people read them."""

from __future__ import annotations

__all__ = ["size_text"]


def size_text(count: int | None) -> str:
    """Return bytes as people read them: `1.4 GiB`; nothing for None."""
    if count is None:
        return ""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
