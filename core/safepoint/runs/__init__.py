"""Doing the work: holding checkpoints, copying, releasing, recovering, restoring."""

from __future__ import annotations
