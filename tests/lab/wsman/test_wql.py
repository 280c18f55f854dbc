"""WQL: what parses, what it means, what is refused."""

from __future__ import annotations

import pytest
from tests.lab.wsman.conftest import GUIDS, NS, SCHEMA, machine, toy_instances

from safepoint_lab.wsman.cimfault import WMI_INVALID_QUERY, CimFault
from safepoint_lab.wsman.memory import MemoryProvider
from safepoint_lab.wsman.queries import run_association, run_select, source_of
from safepoint_lab.wsman.values import CimReference
from safepoint_lab.wsman.wql import AssociationQuery, Select, parse


def names(query: str) -> list[str]:
    """Run a query over the toy and a derived machine; return the names found."""
    more = machine("AAAAAAAA-0000-4000-8000-000000000003", "big", "Toy_BigMachine", OnTime=9)
    provider = MemoryProvider(SCHEMA, [*toy_instances(), more])
    parsed = parse(query)
    if isinstance(parsed, Select):
        found = run_select(parsed, provider, SCHEMA).instances
    else:
        found = run_association(parsed, source_of(parsed, SCHEMA), provider, SCHEMA).instances
    return [each.text("ElementName") or each.class_name for each in found]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("ElementName = 'sql01'", ["sql01"]),
        ('elementname = "SQL01"', ["sql01"]),
        ("ElementName <> 'sql01'", ["web%01"]),
        ("OnTime > 7", ["sql01"]),
        ("OnTime >= 7 AND OnTime < 8", ["web%01"]),
        ("OnTime = 0x7", ["web%01"]),
        ("OnTime = '7'", ["web%01"]),
        ("Enabled = TRUE", ["sql01"]),
        ("NOT Enabled = true", ["web%01"]),
        ("ElementName LIKE 'sql%'", ["sql01"]),
        ("ElementName LIKE '_ql0_'", ["sql01"]),
        ("ElementName LIKE '[r-t]ql[0-9]1'", ["sql01"]),
        ("ElementName LIKE '[^s]%'", ["web%01"]),
        ("ElementName LIKE 'web[%]01'", ["web%01"]),
        ("ElementName NOT LIKE 'sql%'", ["web%01"]),
        ("Comment IS NULL", ["web%01"]),
        ("Comment IS NOT NULL", ["sql01"]),
        ("Comment = NULL", ["web%01"]),
        ("Comment <> 'x'", ["sql01"]),
        ("Started > '20260101000000.000000+000'", ["sql01"]),
        ("UpTime = '00000001020003.500000:000'", ["sql01"]),
        ("ElementName = 'x' OR ElementName = 'sql01' AND OnTime > 1", ["sql01"]),
        ("(ElementName = 'x' OR ElementName = 'sql01') AND OnTime < 1", []),
        ("__CLASS = 'toy_machine' AND ElementName = 'sql01'", ["sql01"]),
    ],
)
def test_conditions_select(where: str, expected: list[str]) -> None:
    query = f"SELECT * FROM Toy_Machine WHERE {where}"
    assert [name for name in names(query) if name != "big"] == expected


def test_derived_classes_are_included() -> None:
    assert names("SELECT * FROM Toy_Machine") == ["sql01", "web%01", "big"]
    assert names("select * from cim_machine") == ["sql01", "web%01", "big"]
    assert names("SELECT * FROM Toy_BigMachine") == ["big"]


def test_a_backslash_in_a_literal_is_doubled() -> None:
    like = rf"SELECT * FROM Toy_Setting WHERE InstanceID LIKE 'Toy:{GUIDS[0]}\\%'"
    assert len(names(like)) == 3
    exact = rf"SELECT * FROM Toy_Setting WHERE InstanceID = 'Toy:{GUIDS[0]}\\1\\D'"
    assert len(names(exact)) == 1
    with pytest.raises(CimFault):
        parse(rf"SELECT * FROM Toy_Setting WHERE InstanceID = 'Toy:{GUIDS[0]}\1\D'")


def test_quotes_can_be_escaped() -> None:
    query = parse(r"""SELECT * FROM A WHERE b = "x\"y" """)
    assert isinstance(query, Select)
    assert getattr(query.where, "literal", None) == 'x"y'


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SELECT",
        "SELECT * FROM",
        "SELECT * Toy_Machine",
        "SELECT * FROM Toy_Machine WHERE",
        "SELECT * FROM Toy_Machine WHERE Name",
        "SELECT * FROM Toy_Machine WHERE Name = ",
        "SELECT * FROM Toy_Machine WHERE Name == 'x'",
        "SELECT * FROM Toy_Machine WHERE Name = 'x' Name",
        "SELECT * FROM Toy_Machine WHERE (Name = 'x'",
        "SELECT * FROM Toy_Machine WHERE Nonsense = 'x'",
        "SELECT * FROM Toy_Machine WHERE Statuses = 2",
        "SELECT * FROM Toy_Machine WHERE OnTime = 'many'",
        "SELECT * FROM Toy_Machine WHERE OnTime LIKE '1%'",
        "SELECT * FROM Toy_Machine WHERE Enabled = 'maybe'",
        "SELECT * FROM Toy_Machine WHERE Started = 'yesterday'",
        "SELECT * FROM Toy_Machine WHERE ElementName = 3",
        "SELECT Nonsense FROM Toy_Machine",
        "DELETE FROM Toy_Machine",
        "ASSOCIATORS OF Toy_Machine",
        "ASSOCIATORS OF {nonsense}",
        "ASSOCIATORS OF {Toy_Machine.Name='x'} WHERE AssocClass = Toy_Nothing",
        "ASSOCIATORS OF {Toy_Setting.InstanceID='x'} WHERE ClassDefsOnly",
        "REFERENCES OF {Toy_Setting.InstanceID='x'} WHERE AssocClass = Toy_SettingOf",
    ],
)
def test_a_wrong_query_is_an_invalid_query(query: str) -> None:
    with pytest.raises(CimFault) as caught:
        names(query)
    assert caught.value.code == 2150858778
    assert caught.value.detail is not None
    assert caught.value.detail.wmi_status == WMI_INVALID_QUERY


def test_an_unknown_class_is_not_there() -> None:
    with pytest.raises(CimFault) as caught:
        names("SELECT * FROM Toy_Nothing")
    assert caught.value.code == 2150858752


SOURCE = f'{{Toy_Machine.CreationClassName="Toy_Machine",Name="{GUIDS[0]}"}}'


@pytest.mark.parametrize(
    ("tail", "count"),
    [
        ("", 2),
        ("WHERE AssocClass = Toy_SettingOf ResultClass = Toy_Setting", 2),
        ("WHERE ResultClass = CIM_Setting", 2),
        ("WHERE ResultClass = Toy_Machine", 0),
        ("WHERE AssocClass = Toy_SettingOf Role = Antecedent ResultRole = Dependent", 2),
        ("WHERE Role = Dependent", 0),
    ],
)
def test_associators(tail: str, count: int) -> None:
    assert len(names(f"ASSOCIATORS OF {SOURCE} {tail}")) == count


def test_references_are_the_association_rows() -> None:
    assert names(f"REFERENCES OF {SOURCE}") == ["Toy_SettingOf"] * 2
    assert names(f"REFERENCES OF {SOURCE} WHERE ResultClass = Toy_SettingOf Role = Antecedent")
    assert not names(f"REFERENCES OF {SOURCE} WHERE Role = Dependent")


def test_associators_of_what_is_gone() -> None:
    with pytest.raises(CimFault) as caught:
        names('ASSOCIATORS OF {Toy_Setting.InstanceID="gone"}')
    assert caught.value.code == 2150858752


def test_object_paths_read_back() -> None:
    keys = (("InstanceID", 'Microsoft:A\\B\\0 "q"'), ("Other", "x"))
    reference = CimReference(NS, "Toy_Setting", keys)
    path = reference.path("hv01")
    assert path.startswith("\\\\HV01\\root\\toy\\v1:Toy_Setting.InstanceID=")
    assert CimReference.from_path(path, "") == reference
    assert CimReference.from_path('C.K="v"', NS) == CimReference(NS, "C", (("K", "v"),))


def test_an_association_query_keeps_its_parts() -> None:
    query = parse("associators of {A.B='c'} where resultclass=D role=E")
    assert query == AssociationQuery("A.B='c'", associators=True, result_class="D", role="E")
