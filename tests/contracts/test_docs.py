"""The documentation says what the code does: nothing missing, nothing invented, no dead link."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import runpy
import shlex
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from safepoint import errors, hookspecs
from safepoint.drivers import Ability, DriverContext
from safepoint.errors import NotFoundError
from safepoint.estate import check_text
from safepoint.lifecycle.table import CheckpointState
from safepoint.models.systems import ClusterInfo, NodeAddress
from safepoint.models.workloads import PowerState, WorkloadQuery
from safepoint.plugins import PluginHost
from safepoint.testing import REQUIRED_RULES
from safepoint_lab.daemon.lab import Lab
from safepoint_native.cim import CimClient
from safepoint_native.cim.recorder import ReplayTransport
from safepoint_native.hyperv.inventory import list_machines

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: Every driver of the installation, as users have them.
DRIVERS = PluginHost().drivers
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *ROOT.glob("plugins/*/README.md"),
        *ROOT.glob("changelog.d/*.md"),
        *ROOT.glob("bench/*.md"),
        *ROOT.glob("lab/**/README.md"),
        ROOT / "examples" / "README.md",
    ]
)
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
QUESTIONS = (
    "Testable without a vendor?",
    "Room to change compatibly?",
    "Discoverable?",
    "What does a driver author write?",
    "What happens at 3 a.m. when it fails?",
)


def _generator() -> ModuleType:
    """Load the generator, which is a script beside this file and no package."""
    path = Path(__file__).with_name("generate_docs.py")
    spec = importlib.util.spec_from_file_location("generate_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = _generator()


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    language: str
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str) -> list[Block]:
    return [
        Block(page, language, textwrap.dedent(text))
        for page in PAGES
        for language, text in FENCE.findall(page.read_text("utf-8"))
        if language in languages
    ]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", page.read_text("utf-8"))


def generated_pages() -> list[Path]:
    return list(generate.pages())


def commands() -> dict[str, Any]:
    return dict(generate.commands(generate.command_line()))


@pytest.mark.parametrize("page", generated_pages(), ids=name_of)
def test_generated_parts_are_what_the_code_says(page: Path) -> None:
    """Renew them with `python tests/contracts/generate_docs.py`."""
    text = page.read_text("utf-8")

    assert text == generate.renewed(text), "run: python tests/contracts/generate_docs.py"


def test_every_generator_is_used_and_every_block_has_one() -> None:
    """A part that nobody shows, or that nobody makes, would go unnoticed."""
    used = [
        found["name"]
        for page in generated_pages()
        for found in generate.BLOCK.finditer(page.read_text("utf-8"))
    ]

    assert sorted(used) == sorted(generate.BLOCKS)


def test_every_command_and_option_is_in_the_reference() -> None:
    """The page of the command line leaves nothing out."""
    page = (DOCS / "reference" / "cli.md").read_text("utf-8")
    sections = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))

    assert sorted(sections) == sorted(commands())
    for name, command in commands().items():
        for parameter in command.params:
            for option in parameter.opts if not generate.is_argument(parameter) else ():
                assert f"`{option}`" in sections[name], (name, option)


def test_every_error_and_exit_code_is_documented() -> None:
    """Each class, each code word and each exit code has its row."""
    errors = (DOCS / "reference" / "errors.md").read_text("utf-8")
    codes = (DOCS / "reference" / "exit-codes.md").read_text("utf-8")
    for kind in generate.error_classes():
        assert f"`{kind.code}`<br>`{kind.__name__}`" in errors
        assert re.search(rf"^\| {kind.exit_code} \|", codes, re.MULTILINE)
    for code in (0, 3, 130):
        assert re.search(rf"^\| {code} \|", codes, re.MULTILINE)


def test_the_table_of_errors_leaves_none_out() -> None:
    """What `safepoint.errors` offers is what the table is made of."""
    assert {kind.__name__ for kind in generate.error_classes()} == set(errors.__all__)


def test_every_state_of_the_lifecycle_is_explained() -> None:
    """The explanation shows every state, in the diagram and in the table."""
    page = (DOCS / "explanation" / "checkpoint-lifecycle.md").read_text("utf-8")
    diagram = page.partition("```mermaid")[2].partition("```")[0]
    for state in CheckpointState:
        assert state.value.replace("-", "_") in diagram
        assert f"| `{state.value}` |" in page


def test_every_hook_and_ability_is_documented() -> None:
    """Plugin authors see all there is."""
    page = (DOCS / "plugin-authors" / "boundary.md").read_text("utf-8")
    for name in vars(hookspecs):
        if name.startswith("safepoint_"):
            assert f"`{name}(" in page
    for ability in Ability:
        assert f"### `{ability.value}`" in page


# -- links, paths, names ----------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = sum(each == plain or each.startswith(f"{plain}-~") for each in found)
        found.add(f"{plain}-~{count}" if count else plain)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link, with its anchor, and never out of the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.is_relative_to(ROOT), target
        assert place.exists(), target
        if anchor:
            assert anchor in anchors(place), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_that_are_named_exist(page: Path) -> None:
    """A file of this repository that a page names is there."""
    pattern = r"`((?:core|plugins|lab|tests|docs|examples|bench)/[\w./*<>-]*)`"
    for path in re.findall(pattern, prose(page)):
        if not set("*<>") & set(path):
            assert (ROOT / path).exists(), path


def test_every_page_can_be_found() -> None:
    """From the index, by links, every page of docs/ is reached."""
    todo, seen = [ROOT / "README.md"], set[Path]()
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", prose(page))
        todo += [
            place
            for link in links
            if not re.match(r"[a-z]+:", link)
            and (place := (page.parent / link).resolve()).is_file()
        ]

    assert not [name_of(page) for page in DOCS.rglob("*.md") if page not in seen]


# -- what is shown ----------------------------------------------------------------------------


def shown_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield every `safepoint …` line of the pages, as words, without what the shell adds."""
    for block in blocks("sh", "powershell"):
        for line in block.text.splitlines():
            for part in re.split(r"&&|;|\|(?!\|)", line.partition("#")[0]):
                words = shlex.split(part.replace("\\", "/"))
                if words[:1] == ["safepoint"]:
                    yield name_of(block.page), [w for w in words if w not in {"&", ">"}]


@pytest.mark.parametrize(("page", "words"), list(shown_commands()))
def test_commands_that_are_shown_exist(page: str, words: list[str]) -> None:
    """The command, its options and the values of options with choices are real."""
    known = commands()
    command, options = known["safepoint"], set(known["safepoint"].params)
    name = "safepoint"
    rest = words[1:]
    while rest and f"{name} {rest[0]}" in known:
        name = f"{name} {rest.pop(0)}"
        command = known[name]
        options |= set(command.params)
    spelled = {o: p for p in options for o in p.opts if o.startswith("-")} | {"--help": None}

    assert not getattr(command, "commands", {}) or set(rest) & set(spelled), (page, words)
    for word in rest:
        if word.startswith("-"):
            assert word.partition("=")[0] in spelled, (page, words)
    values = [w for w in rest if not w.startswith("-")]
    required = [p for p in command.params if generate.is_argument(p) and p.required]
    assert len(values) >= len(required) or "--help" in rest or "--list" in rest, (page, words)


def estates() -> list[Block]:
    """Return the YAML of whole documents; `spec: {}` marks the frame of one."""
    shown = [b for b in blocks("yaml") if "apiVersion: safepoint/v1" in b.text]
    return [b for b in shown if "spec: {}" not in b.text]


@pytest.mark.parametrize("block", estates(), ids=lambda b: name_of(b.page))
def test_estates_that_are_shown_are_valid(block: Block, tmp_path: Path) -> None:
    """Every document with an apiVersion passes the checks that users get."""
    checked = check_text(
        block.text,
        name="shown.yaml",
        base_dir=tmp_path,
        settings_model=lambda name: DRIVERS[name].settings if name in DRIVERS else None,
        driver_names=tuple(DRIVERS),
        job_block=lambda name: DRIVERS[name].job_block if name in DRIVERS else None,
    )

    assert [finding.render() for finding in checked.findings] == []


def python_blocks() -> list[Block]:
    return blocks("python")


@pytest.mark.parametrize("block", python_blocks(), ids=lambda b: name_of(b.page))
def test_python_that_is_shown_compiles_and_imports_what_exists(block: Block) -> None:
    """No snippet names something of ours that is not there."""
    for node in ast.walk(ast.parse(block.text)):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("safepoint")
        ):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), (node.module, alias.name)


def test_the_tutorial_plugin_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver that plugin authors are taught loads, lists, and never shows a short list."""
    page = DOCS / "plugin-authors" / "write-a-driver.md"
    for block in blocks("python"):
        path = re.match(r"# (acme_safepoint/\w+\.py)\n", block.text)
        if block.page == page and path:
            target = tmp_path / path[1]
            target.parent.mkdir(exist_ok=True)
            target.write_text(block.text, "utf-8")
    (tmp_path / "acme_safepoint" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    host = PluginHost([EntryPoint("acme", "acme_safepoint.plugin", "safepoint")], blocked=())
    spec = host.driver("acme")
    inventory = tmp_path / "vms.json"
    settings = spec.settings.model_validate({"inventory": inventory, "token": "x"})
    cluster = ClusterInfo(name="c", nodes=(NodeAddress(name="h", address="h"),))
    context = DriverContext("conn", lambda: datetime.now(UTC), tmp_path, (cluster,))
    driver = spec.open(settings, context)
    with pytest.raises(NotFoundError):
        list(driver.workloads(WorkloadQuery()))
    inventory.write_text(
        '[{"id": 1, "name": "a", "power": "on"}, {"id": 2, "name": "b", "power": "zzz"}]', "utf-8"
    )
    found = list(driver.workloads(WorkloadQuery()))

    assert [(w.name, w.power) for w in found] == [
        ("a", PowerState.RUNNING),
        ("b", PowerState.UNKNOWN),
    ]
    assert set(driver.support()) == set(Ability)
    assert all(answer.reason for answer in driver.support().values())
    driver.close()
    _check_conformance()
    for name in [n for n in sys.modules if n.startswith("acme_safepoint")]:
        del sys.modules[name]


def _check_conformance() -> None:
    """Run the harness that plugin authors are shown against the driver they are shown."""
    page = DOCS / "plugin-authors" / "conformance.md"
    (block,) = [b for b in blocks("python") if b.page == page]
    shown: dict[str, Any] = {"__name__": "shown"}
    exec(compile(block.text, str(page), "exec"), shown)

    assert shown["TestAcme"].harness_class is shown["AcmeHarness"]
    for rule in REQUIRED_RULES:
        harness = shown["AcmeHarness"]()
        rule.check(harness)
        harness.close()


@pytest.mark.slow
def test_the_recording_script_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording can be replayed, holds no secret and no hidden name, and leaves no checkpoint."""
    script = DOCS / "how-to" / "record_host.py"
    folder = tmp_path / "recording"
    with Lab.start(tmp_path / "lab", vms=1, disk_bytes=16 << 20, smb="path", speed=20.0) as lab:
        (vm,) = lab.operations.vms()
        monkeypatch.setenv("HYPERV_PASSWORD", lab.password)
        words = [lab.url(vm.node), lab.username, str(folder), "--vm", vm.name, "--hide", vm.name]
        monkeypatch.setattr(
            sys, "argv", [str(script), *words, "--ca", str(lab.folder.tls / "ca.pem")]
        )
        runpy.run_path(str(script), run_name="__main__")
        left = lab.operations.checkpoints()
        secret = lab.password
    written = [path.read_text("utf-8") for path in folder.iterdir()]
    client = CimClient(ReplayTransport(folder), node="host")

    assert left == []
    assert len(written) > 20
    assert not any(secret in text or vm.name in text for text in written)
    assert [machine.name for machine in list_machines(client)] == ["hidden0"]


def test_the_readme_shows_what_ci_runs() -> None:
    """Both commands of the README rest on what pyproject and .ci/run have."""
    readme = (ROOT / "README.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ci = (ROOT / ".ci" / "run").read_text("utf-8")

    assert "pip install . && safepoint demo" in readme
    assert "safepoint demo" in commands()
    assert project["scripts"].keys() == {"safepoint"}
    assert "pip install -e '.[test]' && pytest -n auto" in readme
    assert "-e '.[test]'" in ci
    assert "pytest" in ci
    assert "pytest-xdist" in str(project["optional-dependencies"]["test"])
    minimum = project["requires-python"].removeprefix(">=")
    assert f"Python {minimum} or newer" in readme


def test_the_packages_that_deeper_tests_need_are_named() -> None:
    """CONTRIBUTING names every system package that CI installs."""
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    found = re.search(r"packages=\(([^)]*)\)", ci)
    assert found is not None
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    listed = re.search(r"apt-get install (.*)", text)
    assert listed is not None

    assert sorted(found[1].split()) == sorted(listed[1].split())


# -- decisions --------------------------------------------------------------------------------

RECORDS = sorted((DOCS / "adr").glob("[0-9]*.md"))


@pytest.mark.parametrize("page", RECORDS, ids=name_of)
def test_every_decision_answers_the_five_questions(page: Path) -> None:
    """Context, options, decision, and the five questions, each with an answer."""
    text = page.read_text("utf-8")

    assert text.startswith(f"# {page.name[:4]} ")
    for heading in ("Status:", "## Context", "## Options", "## Decision", "## Five questions"):
        assert f"\n{heading}" in text
    for question in QUESTIONS:
        answer = re.search(rf"\*\*{re.escape(question)}\*\* (\S[^*]+)", text)
        assert answer is not None, question


def test_decisions_are_numbered_without_gaps() -> None:
    """Numbers are given once and in order."""
    numbers = [int(page.name[:4]) for page in RECORDS]

    assert numbers == list(range(1, len(numbers) + 1))


def test_every_dependency_has_its_reason() -> None:
    """The record of dependencies names each, run time and test."""
    (page,) = (DOCS / "adr").glob("*-dependencies.md")
    text = page.read_text("utf-8").casefold()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    for requirement in wanted:
        name = re.split(r"[><=;\[ ]", requirement)[0].casefold()
        if not name.startswith("types-"):
            assert name in text, name


def test_changelog_fragments_have_a_known_kind() -> None:
    """A fragment whose name says nothing would be lost at a release."""
    kinds = re.findall(
        r"^\| `(\w+)` \|", (ROOT / "changelog.d/README.md").read_text("utf-8"), re.MULTILINE
    )
    for path in (ROOT / "changelog.d").iterdir():
        if path.name != "README.md":
            assert re.fullmatch(rf"\d+(?:\.\d+)?\.(?:{'|'.join(kinds)})\.md", path.name), path.name


def test_inferences_in_the_code_are_on_the_list() -> None:
    """A module that owns to an inference is named on the list of what is to be confirmed."""
    listed = (DOCS / "VERIFICATION.md").read_text("utf-8")
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        if re.search(r"\binference\b", path.read_text("utf-8")):
            name = path.relative_to(ROOT).as_posix()
            assert f"`{name}`" in listed, name
