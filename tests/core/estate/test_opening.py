"""What drivers are given: settings and clusters with secrets in place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, SecretStr

from safepoint.errors import ConfigError, UnknownNameError
from safepoint.estate import (
    Estate,
    SecretResolver,
    check_text,
    clusters_using,
    connection_settings,
    resolve_cluster,
)
from safepoint.models.estate import EstateModel
from safepoint.models.secrets import SecretRef

SHARES = """\
  shares:
    - {path: '\\\\fs01\\a', mount: mnt/a}
    - {path: '\\\\fs01\\b', smb: {server: fs01, username: u, password: env:SMB_PASSWORD}}
"""


def test_settings_get_secrets_and_absolute_paths(
    tmp_path: Path, documents: dict[str, str], driver_settings: type[Any]
) -> None:
    text = documents["Connection"].replace("username: admin", "username: admin, repository: repo")
    estate = check_text(text, base_dir=tmp_path).estate

    settings = connection_settings(
        estate, "hosts", driver_settings, SecretResolver({"HV_PASSWORD": "s3cret"})
    )

    assert settings.password.get_secret_value() == "s3cret"
    assert settings.repository == tmp_path / "repo"
    assert settings.verify_tls is True
    assert "s3cret" not in repr(settings)
    assert estate.connection("hosts").spec.settings["password"] == "env:HV_PASSWORD"


def test_a_reference_field_stays_a_reference(tmp_path: Path, documents: dict[str, str]) -> None:
    class Settings(EstateModel):
        username: str
        password: SecretRef

    estate = check_text(documents["Connection"], base_dir=tmp_path).estate

    settings = connection_settings(estate, "hosts", Settings, SecretResolver({}))

    assert str(settings.password) == "env:HV_PASSWORD"
    assert settings.password.base_dir == tmp_path


def test_a_secret_that_is_not_there(documents: dict[str, str], driver_settings: type[Any]) -> None:
    estate = check_text(documents["Connection"]).estate

    with pytest.raises(ConfigError, match="env:HV_PASSWORD"):
        connection_settings(estate, "hosts", driver_settings, SecretResolver({}))


def test_settings_that_the_driver_refuses_name_the_fields_and_no_values(
    documents: dict[str, str],
) -> None:
    class Settings(EstateModel):
        username: int
        password: SecretRef
        region: str

    estate = check_text(documents["Connection"], name="e.yaml").estate

    with pytest.raises(ConfigError) as caught:
        connection_settings(estate, "hosts", Settings, SecretResolver({}))

    assert [finding.split(": ")[2] for finding in caught.value.findings] == [
        "spec.settings.username",
        "spec.settings.region",
    ]
    assert "admin" not in str(caught.value.to_dict())


def test_a_clear_secret_that_only_the_model_knows_is_refused(documents: dict[str, str]) -> None:
    class Settings(EstateModel):
        username: SecretStr
        password: SecretStr

    estate = check_text(documents["Connection"], name="e.yaml").estate

    with pytest.raises(ConfigError, match=r"e\.yaml:1: spec\.settings\.username") as caught:
        connection_settings(estate, "hosts", Settings, SecretResolver({"HV_PASSWORD": "x"}))

    assert "admin" not in str(caught.value.to_dict())


def test_an_unknown_connection(documents: dict[str, str], driver_settings: type[Any]) -> None:
    estate = check_text(documents["Connection"]).estate

    with pytest.raises(UnknownNameError):
        connection_settings(estate, "hots", driver_settings, SecretResolver({}))


def test_a_cluster_is_handed_over_with_its_secrets(
    tmp_path: Path, documents: dict[str, str]
) -> None:
    text = f"{documents['Connection']}---\n{documents['Cluster']}{SHARES}"
    estate = check_text(text, base_dir=tmp_path).estate

    info = resolve_cluster(estate.cluster("c1"), SecretResolver({"SMB_PASSWORD": "s3cret"}))

    assert (info.name, info.nodes[0].address, info.per_node) == ("c1", "hv01.example", 2)
    assert [share.mount for share in info.shares] == [str(tmp_path / "mnt/a"), ""]
    smb = info.shares[1].smb
    assert smb is not None
    assert (smb.server, smb.encrypt, smb.password.get_secret_value()) == ("fs01", True, "s3cret")
    assert "s3cret" not in repr(info)


def test_a_connection_has_to_do_with_the_clusters_it_reads_or_protects(
    load: Callable[[str], Estate], whole_estate: str
) -> None:
    veeam = (
        "apiVersion: safepoint/v1\nkind: Connection\nmetadata: {name: vbr}\nspec: {driver: x}\n"
    )
    text = whole_estate.replace("connection: hosts", "connection: vbr") + "---\n" + veeam
    estate = check_text(text).estate

    assert [cluster.name for cluster in clusters_using(estate, "hosts")] == ["c1"]
    assert [cluster.name for cluster in clusters_using(estate, "vbr")] == ["c1"]
    assert clusters_using(estate, "other") == ()


class Account(EstateModel):
    """One of many accounts."""

    name: str
    pin: SecretStr


class Nested(EstateModel):
    """Secrets at every sort of place."""

    accounts: tuple[Account, ...] = ()
    by_site: dict[str, list[SecretStr]] = Field(default_factory=dict)
    pair: tuple[str, SecretStr] | None = None
    spare: Annotated[SecretStr | None, Field(description="maybe")] = None


NESTED = """\
apiVersion: safepoint/v1
kind: Connection
metadata: {name: hosts}
spec:
  driver: native
  settings:
    accounts: [{name: a, pin: 'env:A'}, {name: b, pin: 'env:B'}]
    bySite: {hamburg: ['env:A', 'env:B']}
    pair: [plain, 'env:A']
    spare: env:B
"""


def test_secrets_are_resolved_wherever_the_model_has_them() -> None:
    checked = check_text(NESTED, settings_model={"native": Nested}.get)

    settings = connection_settings(
        checked.estate, "hosts", Nested, SecretResolver({"A": "one", "B": "two"})
    )

    pins = [account.pin.get_secret_value() for account in settings.accounts]
    sites = [secret.get_secret_value() for secret in settings.by_site["hamburg"]]
    assert (pins, sites) == (["one", "two"], ["one", "two"])
    assert settings.pair is not None
    assert (settings.pair[0], settings.pair[1].get_secret_value()) == ("plain", "one")
    assert settings.spare is not None
    assert settings.spare.get_secret_value() == "two"


def test_secrets_in_clear_are_found_wherever_the_model_has_them() -> None:
    text = NESTED.replace("'env:A'", "S3cretA").replace("env:B", "S3cretB")

    findings = check_text(text, settings_model={"native": Nested}.get).findings

    assert {(finding.code, finding.field) for finding in findings} == {
        ("secret-in-clear", f"spec.settings.{place}")
        for place in (
            "accounts[0].pin",
            "accounts[1].pin",
            "bySite.hamburg[0]",
            "bySite.hamburg[1]",
            "pair[1]",
            "spare",
        )
    }
    assert "S3cret" not in repr(findings)
