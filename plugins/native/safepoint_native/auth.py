"""The ways to log in. Here, apart from what does it, so that settings load at once."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["AuthKind"]


class AuthKind(StrEnum):
    """How the caller proves who it is."""

    BASIC = "basic"
    NTLM = "ntlm"
    KERBEROS = "kerberos"
    CREDSSP = "credssp"
    CERTIFICATE = "certificate"
