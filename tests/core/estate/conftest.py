"""Small valid documents, and a way to check a text against expectations."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import pytest
from pydantic import SecretStr

from safepoint.estate import CheckedEstate, Estate, check_text
from safepoint.models.estate import DocumentPath, EstateModel

CONNECTION = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: hosts}
spec:
  driver: native
  settings: {username: admin, password: env:HV_PASSWORD}
"""
CLUSTER = """\
apiVersion: safepoint/v1
kind: Cluster
metadata: {name: c1}
spec:
  hypervisor: hosts
  nodes: [{name: hv01, address: hv01.example}]
"""
POLICY = """\
apiVersion: safepoint/v1
kind: Policy
metadata: {name: gold}
spec: {}
"""
JOB = """\
apiVersion: safepoint/v1
kind: ProtectionJob
metadata: {name: nightly}
spec:
  connection: hosts
  cluster: c1
  policy: gold
  include: [{all: true}]
"""


class Settings(EstateModel):
    """What a driver might ask for."""

    username: str
    """The account."""
    password: SecretStr
    """The password."""
    repository: DocumentPath | None = None
    """Where data goes."""
    verify_tls: bool = True
    """Whether certificates are checked."""


def settings_model(driver: str) -> type[Settings] | None:
    return Settings if driver == "native" else None


@pytest.fixture
def whole_estate() -> str:
    """Return one valid document of each kind."""
    return f"{CONNECTION}---\n{CLUSTER}---\n{POLICY}---\n{JOB}"


@pytest.fixture
def documents() -> dict[str, str]:
    """Return the valid documents by kind."""
    return {"Connection": CONNECTION, "Cluster": CLUSTER, "Policy": POLICY, "ProtectionJob": JOB}


@pytest.fixture
def driver_settings() -> type[Settings]:
    """Return the settings model of the only driver there is, `native`."""
    return Settings


@pytest.fixture
def check() -> Callable[[str], CheckedEstate]:
    """Return a function that checks a text with the driver `native` known."""

    def run(text: str) -> CheckedEstate:
        return check_text(
            dedent(text),
            name="e.yaml",
            settings_model=settings_model,
            driver_names=("native", "veeam"),
        )

    return run


@pytest.fixture
def load(check: Callable[[str], CheckedEstate]) -> Callable[[str], Estate]:
    """Return a function that turns a valid text into an estate."""

    def run(text: str) -> Estate:
        return check(text).estate

    return run
