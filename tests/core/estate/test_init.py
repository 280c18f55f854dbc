"""What `safepoint init` writes."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr

from safepoint.estate import check_text, starter_estate
from safepoint.models.estate import DocumentPath, EstateModel


def test_the_first_estate_is_valid_as_it_is(driver_settings: type[Any]) -> None:
    text = starter_estate(driver="native", settings=driver_settings)

    checked = check_text(text, settings_model={"native": driver_settings}.get)

    assert [finding.render() for finding in checked.findings] == []
    estate = checked.estate
    assert (*estate.connections, *estate.clusters, *estate.policies, *estate.jobs) == (
        "hosts",
        "cluster1",
        "standard",
        "nightly",
    )


def test_it_is_valid_without_knowing_the_driver() -> None:
    assert check_text(starter_estate(driver="another")).findings == ()


def test_commented_lines_are_valid_once_they_are_uncommented(driver_settings: type[Any]) -> None:
    text = starter_estate(driver="native", settings=driver_settings)
    for line in (
        "limits:",
        "rpo:",
        "schedule:",
        "  timezone:",
        "  daily:",
        "retention:",
        "verifyTls:",
    ):
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)

    checked = check_text(text, settings_model={"native": driver_settings}.get)

    assert [finding.render() for finding in checked.findings] == []
    assert checked.estate.policies["standard"].spec.schedule is not None


def test_settings_are_written_out_when_required_or_exemplified() -> None:
    class Settings(EstateModel):
        account: str = Field("", examples=["CORP\\backup"])
        """Who logs in."""
        pass_phrase: SecretStr
        port: int
        tls: bool
        store: DocumentPath
        depth: float = 0.5

    text = starter_estate(driver="native", settings=Settings)
    checked = check_text(text, settings_model={"native": Settings}.get)

    assert checked.findings == ()
    assert checked.estate.connection("hosts").spec.settings == {
        "account": "CORP\\backup",
        "passPhrase": "env:SAFEPOINT_PASSPHRASE",
        "port": 1,
        "tls": True,
        "store": "./store",
    }
    assert "# Who logs in." in text
    assert "# depth: 0.5" in text


def test_it_mentions_the_file_it_is_written_to() -> None:
    assert "safepoint validate my.yaml" in starter_estate(driver="native", file="my.yaml")
