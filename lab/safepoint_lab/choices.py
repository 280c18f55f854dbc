"""What can be chosen when a lab is made; light to import, for the command line."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Scenario", "Scheme", "SmbMode"]


class SmbMode(StrEnum):
    """How the shares of a lab are served."""

    AUTO = "auto"
    """By smbd when it is installed and works, else as folders."""
    SAMBA = "samba"
    """By smbd, or not at all."""
    PATH = "path"
    """As folders."""


class Scenario(StrEnum):
    """Which sites a lab has, and in what state it begins."""

    BACKUP = "backup"
    """Clusters with VMs."""
    REPLICA = "replica"
    """These, a cluster that can take replicas, and a host in no cluster as the third site."""
    MONDAY_MORNING = "monday-morning"
    """Two clusters after a bad weekend: leftovers of four products, a stalled merge, a full share, a
    chain without a checkpoint, and more."""


class Scheme(StrEnum):
    """Which of a node's two endpoints the estate file names."""

    HTTP = "http"
    """NTLM with sealed messages."""
    HTTPS = "https"
    """TLS by the lab's own authority."""
