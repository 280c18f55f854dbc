"""The command line: one file a command, output in one place."""

from __future__ import annotations
