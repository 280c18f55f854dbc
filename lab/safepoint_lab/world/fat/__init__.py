"""A small FAT16/FAT32 file system in an MBR partition, enough for a simulated guest."""

from __future__ import annotations

from safepoint_lab.world.fat.volume import FatVolume, FileExtent

__all__ = ["FatVolume", "FileExtent"]
