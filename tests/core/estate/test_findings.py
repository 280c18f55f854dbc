"""Each mistake in a document: its line, the field as written, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import ConfigDict, SecretStr, StringConstraints, field_validator

from safepoint.errors import ConfigError
from safepoint.estate import CheckedEstate, check_text
from safepoint.estate.findings import is_secret_key
from safepoint.models.estate import EstateModel, refuse


def only(checked: CheckedEstate) -> Any:
    assert [finding.render() for finding in checked.findings[1:]] == []
    return checked.findings[0]


POLICY_CASES = [
    # spec, line, field, code, summary has, hint has
    ("consistency: aplication", 5, "spec.consistency", "wrong-choice", "'aplication'", "application?"),
    ("consistency: 3", 5, "spec.consistency", "wrong-choice", "the number 3", ""),
    ("fallback: no", 5, "spec.fallback", "wrong-choice", "fail or allow", ""),
    ("keep_for: 14d", 5, "spec.keep_for", "unknown-field", "keep_for", ""),
    ("retention: {keep_for: 14d}", 5, "spec.retention.keep_for", "unknown-field", "", "keepFor?"),
    ("retention: {KeepFor: 14d}", 5, "spec.retention.KeepFor", "unknown-field", "", "keepFor?"),
    ("retention: {keepFor: 14}", 5, "spec.retention.keepFor", "duration-type", "the number", ""),
    ("retention: {keepFor: 2mo}", 5, "spec.retention.keepFor", "duration", "'2mo'", ""),
    ("retention: {keepFor: 0d}", 5, "spec.retention.keepFor", "duration", "'0d'", ""),
    ("retention: {keepAtLeast: 0}", 5, "spec.retention.keepAtLeast", "out-of-range", "at least 1", ""),
    ("retention: {keepAtLeast: '3'}", 5, "spec.retention.keepAtLeast", "wrong-type", "text", "quotes"),
    ("retention: {keepAtLeast: 2.5}", 5, "spec.retention.keepAtLeast", "wrong-type", "2.5", ""),
    ("retention: {}", 5, "spec.retention", "retention-empty", "keepFor", ""),
    ("retention:\n    - a", 5, "spec.retention", "wrong-type", "found a list", ""),
    ("retention: {weekly: 4}", 5, "spec.retention.weekly", "wrong-type", "the number 4", ""),
    ("rpo: 1d1d", 5, "spec.rpo", "duration", "'1d1d'", ""),
    ("rpo: yes", 5, "spec.rpo", "duration", "'yes'", ""),
    ("schedule: {daily: {at: ['02:00']}}", 5, "spec.schedule.timezone", "missing-field", "", ""),
    ("schedule: {timezone: Europe/Berln, daily: {at: ['02:00']}}", 5, "spec.schedule.timezone", "time-zone", "", "Europe/Berlin?"),
    ("schedule: {timezone: tokyo, daily: {at: ['02:00']}}", 5, "spec.schedule.timezone", "time-zone", "", "Asia/Tokyo?"),
    ("schedule: {timezone: UTC}", 5, "spec.schedule", "schedule-empty", "daily", ""),
    ("schedule: {timezone: UTC, every: {}}", 5, "spec.schedule.every", "interval", "", ""),
    ("schedule: {timezone: UTC, every: {hours: 1, minutes: 5}}", 5, "spec.schedule.every", "interval", "", ""),
    ("schedule: {timezone: UTC, daily: {at: 02:00}}", 5, "spec.schedule.daily.at", "wrong-type", "a list", "['02:00']"),
    ("schedule: {timezone: UTC, daily: {at: [2:00]}}", 5, "spec.schedule.daily.at[0]", "time-of-day", "'2:00'", ""),
    ("schedule: {timezone: UTC, daily: {at: [24:00]}}", 5, "spec.schedule.daily.at[0]", "time-of-day", "", ""),
    ("schedule: {timezone: UTC, daily: {at: []}}", 5, "spec.schedule.daily.at", "empty", "empty", ""),
    ("schedule: {timezone: UTC, weekly: {days: [sun], at: ['02:00']}}", 5, "spec.schedule.weekly.days[0]", "wrong-choice", "'sun'", "sunday?"),
    ("schedule: {timezone: UTC, monthly: {day: 32, at: ['02:00']}}", 5, "spec.schedule.monthly.day", "day-of-month", "32", ""),
    ("schedule: {timezone: UTC, monthly: {day: true, at: ['02:00']}}", 5, "spec.schedule.monthly.day", "day-of-month", "true", ""),
    ("schedule: {timezone: UTC, monthly: {at: ['02:00']}}", 5, "spec.schedule.monthly", "month-day", "", ""),
    ("schedule: {timezone: UTC, monthly: {weekday: 5th sunday, at: ['02:00']}}", 5, "spec.schedule.monthly.weekday", "month-weekday", "5th", ""),
    ("schedule: {timezone: UTC, daily: {at: ['02:00']}, window: {start: '01:00', end: '01:00'}}", 5, "spec.schedule.window", "window", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "line", "field", "code", "summary", "hint"), POLICY_CASES)
def test_mistakes_in_policies(
    check: Callable[[str], CheckedEstate],
    spec: str,
    line: int,
    field: str,
    code: str,
    summary: str,
    hint: str,
) -> None:
    head = "apiVersion: safepoint/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  "

    found = only(check(f"{head}{spec}\n"))

    assert (found.field, found.code, found.line) == (field, code, line)
    assert summary in found.summary
    assert hint in found.hint


CLUSTER_CASES = [
    ("nodes: []", "spec.nodes", "empty", ""),
    ("nodes: {name: a, address: b}", "spec.nodes", "wrong-type", "begin each item with -"),
    ("nodes: [{name: a}]", "spec.nodes[0].address", "missing-field", ""),
    ("nodes: [{name: 1, address: b}]", "spec.nodes[0].name", "wrong-type", "'1'"),
    ("nodes: [{name: a, address: 'ftp://b'}]", "spec.nodes[0].address", "node-address", ""),
    ("nodes: [{name: a, address: 'b c'}]", "spec.nodes[0].address", "node-address", ""),
    ("nodes: [{name: a, address: 'https://b:99999/'}]", "spec.nodes[0].address", "node-address", ""),
    ("nodes: [{name: a, address: b}, {name: A, address: c}]", "spec", "twins", ""),
    ("shares: [{path: '\\\\fs01'}]", "spec.shares[0].path", "unc-path", "single quotes"),
    ('shares: [{path: "\\\\fs01\\vmstore1"}]', "spec.shares[0].path", "unc-path", "single quotes"),
    ("shares: [{path: '\\\\fs01\\a', mount: ''}]", "spec.shares[0].mount", "path-empty", ""),
    ("shares: [{path: '\\\\fs01\\a', mount: x, smb: {server: a, username: b, password: env:P}}]", "spec.shares[0]", "share-access", ""),
    ("shares: [{path: '\\\\fs01\\a', smb: {server: a, username: b, password: env:P, port: 0}}]", "spec.shares[0].smb.port", "out-of-range", ""),
    ("shares: [{path: '\\\\fs01\\a', smb: {server: a, username: b, password: env:P, encrypt: off}}]", "spec.shares[0].smb.encrypt", "wrong-type", "write false"),
    ("limits: {per_node: 3}", "spec.limits.per_node", "unknown-field", "perNode?"),
    ("limits: {perNode: '3'}", "spec.limits.perNode", "wrong-type", "without quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "field", "code", "hint"), CLUSTER_CASES)
def test_mistakes_in_clusters(
    check: Callable[[str], CheckedEstate],
    documents: dict[str, str],
    spec: str,
    field: str,
    code: str,
    hint: str,
) -> None:
    text = documents["Cluster"]
    if spec.startswith("nodes"):
        text = text[: text.index("  nodes")]

    found = only(check(f"{documents['Connection']}---\n{text}  {spec}\n"))

    assert (found.field, found.code) == (field, code)
    assert hint in found.hint


SELECTOR_CASES = [
    ("{}", "spec.include[0]", "selector-empty", ""),
    ("{name: null}", "spec.include[0]", "selector-empty", ""),
    ("{all: false}", "spec.include[0].all", "wrong-choice", ""),
    ("{all: yes}", "spec.include[0].all", "wrong-choice", ""),
    ("{name: 123}", "spec.include[0].name", "wrong-type", "'123'"),
    ("{name: 1e5}", "spec.include[0].name", "wrong-type", "'1e5'"),
    ("{name: true}", "spec.include[0].name", "wrong-type", "'true'"),
    ("{name: ' '}", "spec.include[0].name", "glob", ""),
    ("{name: '[ab'}", "spec.include[0].name", "glob", "[[]"),
    ('{name: "a\\tb"}', "spec.include[0].name", "glob-control", ""),
    ("{share: '\\\\fs01'}", "spec.include[0].share", "share-glob", ""),
    ("{share: 'vm*'}", "spec.include[0].share", "share-glob", ""),
    ("{nmae: a}", "spec.include[0].nmae", "unknown-field", "name?"),
    ("web01", "spec.include[0]", "wrong-type", ""),
]


@pytest.mark.parametrize(("selector", "field", "code", "hint"), SELECTOR_CASES)
def test_mistakes_in_selectors(
    check: Callable[[str], CheckedEstate],
    whole_estate: str,
    selector: str,
    field: str,
    code: str,
    hint: str,
) -> None:
    found = only(check(whole_estate.replace("{all: true}", selector)))

    assert (found.field, found.code) == (field, code)
    assert hint in found.hint


FRAME_CASES = [
    ("apiVersion: safepoint/v1", "", "apiVersion", "missing-field", "safepoint/v1"),
    ("safepoint/v1", "safepoint/v2", "apiVersion", "api-version", "safepoint/v1"),
    ("safepoint/v1", "1", "apiVersion", "api-version", "safepoint/v1"),
    ("kind: Policy", "", "kind", "missing-field", "ProtectionJob"),
    ("kind: Policy", "kind: policy", "kind", "unknown-kind", "did you mean Policy?"),
    ("kind: Policy", "kind: Tenant", "kind", "unknown-kind", "Cluster, Connection, Policy"),
    ("kind: Policy", "kind: [Policy]", "kind", "unknown-kind", "ProtectionJob"),
    ("{name: gold}", "{}", "metadata.name", "missing-field", ""),
    ("{name: gold}", "{name: go ld}", "metadata.name", "name", ""),
    ("{name: gold}", "{name: ''}", "metadata.name", "name", ""),
    ("{name: gold}", "{name: 5}", "metadata.name", "wrong-type", "'5'"),
    ("{name: gold}", "{name: gold, lables: {}}", "metadata.lables", "unknown-field", "labels?"),
    ("{name: gold}", "{name: gold, labels: {a: 1}}", "metadata.labels.a", "wrong-type", "'1'"),
    ("spec: {}", "spec:", "spec", "wrong-type", ""),
    ("spec: {}", "", "spec", "missing-field", ""),
    ("spec: {}", "spec: {}\nschedule: {}", "schedule", "unknown-field", "belongs under spec"),
    ("spec: {}", "Spec: {}", "Spec", "unknown-field", "spec?"),
]


@pytest.mark.parametrize(("old", "new", "field", "code", "hint"), FRAME_CASES)
def test_mistakes_in_the_frame(
    check: Callable[[str], CheckedEstate],
    documents: dict[str, str],
    old: str,
    new: str,
    field: str,
    code: str,
    hint: str,
) -> None:
    found = only(check(documents["Policy"].replace(old, new)))

    assert (found.field, found.code) == (field, code)
    assert hint in found.hint


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words\n", "5\n"])
def test_a_document_that_is_no_mapping(check: Callable[[str], CheckedEstate], text: str) -> None:
    assert only(check(text)).code == "not-a-mapping"


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "empty"), ("\n \n", "empty"), ("# x\n", "comments"), ("---\n", "no document")],
)
def test_a_file_without_documents(
    check: Callable[[str], CheckedEstate], text: str, says: str
) -> None:
    found = only(check(text))

    assert found.code == "no-documents"
    assert says in found.summary


def test_a_word_that_other_readers_take_for_a_boolean_gets_a_warning_only(
    check: Callable[[str], CheckedEstate], documents: dict[str, str]
) -> None:
    checked = check(documents["Policy"].replace("gold", "no"))

    found = only(checked)
    assert (found.severity, found.code, found.field) == ("warning", "old-boolean", "metadata.name")
    assert "no" in checked.estate.policies


def test_a_quoted_word_gets_no_warning(
    check: Callable[[str], CheckedEstate], documents: dict[str, str]
) -> None:
    assert check(documents["Policy"].replace("gold", "'no'")).findings == ()


def test_all_mistakes_are_reported_together_and_in_order(
    check: Callable[[str], CheckedEstate], whole_estate: str
) -> None:
    text = (
        whole_estate.replace("hv01.example", "'h v'")
        .replace("spec: {}", "spec: {consistency: maybe}")
        .replace("connection: hosts", "connection: hostz")
        .replace("username: admin, ", "")
    )

    checked = check(text)

    assert [(finding.line, finding.code) for finding in checked.findings] == [
        (6, "missing-field"),
        (13, "node-address"),
        (18, "wrong-choice"),
        (24, "dangling-reference"),
    ]
    with pytest.raises(ConfigError) as caught:
        _ = checked.estate
    assert caught.value.findings == tuple(finding.render() for finding in checked.findings)
    assert "4 errors in e.yaml" in caught.value.message
    assert caught.value.exit_code == 2


def test_a_finding_reads_like_a_compiler_message(
    check: Callable[[str], CheckedEstate], documents: dict[str, str]
) -> None:
    found = only(check(documents["Policy"].replace("{}", "{consistency: crahs}")))

    assert found.render() == (
        "e.yaml:4: error: spec.consistency: expected application, filesystem or crash, "
        "found 'crahs' (did you mean crash?)"
    )


@pytest.mark.parametrize(
    ("old", "new", "field", "code", "hint"),
    [
        ("driver: native", "driver: natvie", "spec.driver", "unknown-driver", "native?"),
        ("username: admin", "user: admin", "spec.settings.user", "unknown-field", "username?"),
        ("username: admin", "username: 7", "spec.settings.username", "wrong-type", "'7'"),
        ("username: admin", "username: a, verify_tls: true", "spec.settings.verify_tls", "unknown-field", "verifyTls?"),
        ("username: admin", "username: a, verifyTls: no", "spec.settings.verifyTls", "wrong-type", "write false"),
        ("password: env:HV_PASSWORD", "repository: x", "spec.settings.password", "missing-field", ""),
    ],
)  # fmt: skip
def test_settings_are_checked_by_the_drivers_own_model(
    check: Callable[[str], CheckedEstate],
    documents: dict[str, str],
    old: str,
    new: str,
    field: str,
    code: str,
    hint: str,
) -> None:
    found = only(check(documents["Connection"].replace(old, new)))

    assert (found.field, found.code, found.line) == (field, code, 6 if "settings" in field else 5)
    assert hint in found.hint


def test_settings_that_are_missing_altogether_are_one_finding(
    check: Callable[[str], CheckedEstate], documents: dict[str, str]
) -> None:
    text = documents["Connection"]

    found = only(check(text[: text.index("  settings")]))

    assert (found.field, found.code, found.line) == ("spec.settings", "missing-field", 4)
    assert "username, password" in found.summary


class Anything(EstateModel):
    """Settings that are not looked at here."""

    model_config = ConfigDict(extra="ignore")


class Block(EstateModel):
    """What a driver may say about a job."""

    high_priority: bool = False


def test_a_vendor_block_is_checked_by_the_model_of_its_driver(whole_estate: str) -> None:
    text = f"{whole_estate}  vendor: {{native: {{highPriorty: true}}}}\n"
    checked = check_text(
        text, settings_model={"native": Anything}.get, job_block={"native": Block}.get
    )
    found = only(checked)

    assert (found.code, found.field) == ("unknown-field", "spec.vendor.native.highPriorty")
    assert "highPriority" in found.hint
    assert check_text(text, settings_model={"native": Anything}.get).errors == ()


def test_a_vendor_block_for_a_product_nobody_knows(
    check: Callable[[str], CheckedEstate], whole_estate: str
) -> None:
    found = only(check(f"{whole_estate}  vendor: {{natve: {{a: 1}}}}\n"))

    assert (found.field, found.code, found.hint) == (
        "spec.vendor.natve",
        "unknown-driver",
        "did you mean native?",
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("env:HV_PASSWORD", "S3cretValue"),
        ("env:HV_PASSWORD", "'env:'"),
        ("env:HV_PASSWORD", "env:S3cretValue with blanks"),
        ("env:HV_PASSWORD", "'keyring:S3cretValue'"),
        ("env:HV_PASSWORD", "12345678"),
        ("env:HV_PASSWORD", "''"),
        ("username: admin", "username: 'https://admin:S3cretValue@host/'"),
        ("username: admin", "username: a, apiToken: S3cretValue"),
        ("username: admin", "username: a, client_secret: S3cretValue"),
        ("username: admin", "username: a, extra: {tokens: [env:OK, S3cretValue]}"),
        ("name: hosts", "name: hosts, labels: {password: S3cretValue}"),
    ],
)
@pytest.mark.parametrize("driver", ["native", "another"])
def test_a_secret_in_clear_is_an_error_that_does_not_repeat_it(
    check: Callable[[str], CheckedEstate],
    documents: dict[str, str],
    old: str,
    new: str,
    driver: str,
) -> None:
    text = documents["Connection"].replace(old, new).replace("driver: native", f"driver: {driver}")

    checked = check(text)

    codes = [finding.code for finding in checked.findings]
    assert codes.count("secret-in-clear") == 1
    rendered = repr(checked.findings) + str([finding.render() for finding in checked.findings])
    assert "S3cretValue" not in rendered
    assert "12345678" not in rendered


def test_a_secret_in_clear_for_a_share(
    check: Callable[[str], CheckedEstate], documents: dict[str, str]
) -> None:
    share = (
        "  shares: [{path: '\\\\fs01\\a', smb: {server: a, username: b, password: S3cretValue}}]\n"
    )

    found = only(check(f"{documents['Connection']}---\n{documents['Cluster']}{share}"))

    assert (found.code, found.field) == ("secret-in-clear", "spec.shares[0].smb.password")
    assert "env:NAME" in found.hint
    assert "S3cretValue" not in found.render()


def test_a_password_in_the_address_of_a_node(
    check: Callable[[str], CheckedEstate], documents: dict[str, str]
) -> None:
    text = documents["Cluster"].replace("hv01.example", "'https://u:S3cretValue@hv01:5986/wsman'")

    found = only(check(f"{documents['Connection']}---\n{text}"))

    assert (found.code, found.field) == ("secret-in-clear", "spec.nodes[0].address")
    assert "S3cretValue" not in found.render()


@pytest.mark.parametrize("key", ["password", "smbPassword", "API_TOKEN", "clientSecret", "pass-phrase", "privateKey", "passwords"])  # fmt: skip
def test_names_that_hold_secrets(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize("key", ["passwordFile", "tokenUrl", "secretName", "keyPath", "bypass", "compass"])  # fmt: skip
def test_names_that_only_talk_about_secrets(key: str) -> None:
    assert not is_secret_key(key)


def test_what_a_plugin_refuses_in_its_own_way(documents: dict[str, str]) -> None:
    class Settings(EstateModel):
        username: Annotated[str, StringConstraints(max_length=3)]
        password: SecretStr

        @field_validator("username")
        @classmethod
        def _check(cls, value: str) -> str:
            if value == "abc":
                msg = "abc is taken"
                raise ValueError(msg)
            if value == "xyz":
                refuse("login_taken", "xyz is taken")
            return value

    found = [
        (
            check_text(
                documents["Connection"].replace("admin", username),
                settings_model={"native": Settings}.get,
            )
            .findings[0]
            .model_dump(include={"code", "summary"})
        )
        for username in ("abc", "xyz", "long")
    ]

    assert [(each["code"], each["summary"]) for each in found] == [
        ("invalid-value", "abc is taken, found 'abc'"),
        ("login-taken", "xyz is taken, found 'xyz'"),
        ("invalid-value", "String should have at most 3 characters, found 'long'"),
    ]
