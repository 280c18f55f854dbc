"""Writes the parts of the documentation that are made from the code.

    python tests/contracts/generate_docs.py            rewrite them in place
    python tests/contracts/generate_docs.py --check    say which are out of date; exit 1 if any

A page holds such a part between two comments, `<!-- generated: NAME -->` and
`<!-- end generated -->`; the rest of the page is written by hand. What the code cannot say, such
as what a person should do about an error, is in `docs_texts.toml` beside this file; a missing
entry there is an error here.
"""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import typer
from pydantic import BaseModel

from safepoint import errors, hookspecs
from safepoint.audit.owners import NAMES
from safepoint.audit.patience import Patience
from safepoint.audit.verdicts import VERDICTS, Fact
from safepoint.cli.app import build
from safepoint.cli.exits import EXIT_FINDINGS
from safepoint.drivers import ABILITY_TYPES, REFINEMENTS, Ability, Driver, SupportLevel
from safepoint.errors import SafepointError
from safepoint.lifecycle.table import OPEN_STATES, TABLE, CheckpointEvent, CheckpointState
from safepoint.models.base import Model
from safepoint.planning.findings import CATALOGUE as FINDINGS
from safepoint.plugins import PluginHost
from safepoint.store import schema
from safepoint.testing import (
    CHECKPOINT_RULES,
    INSTANT_RULES,
    MANAGE_RULES,
    RECOVERY_RULES,
    REPLICA_RULES,
    REQUIRED_RULES,
    RUN_RULES,
    STORAGE_RULES,
    SUSPEND_RULES,
    TROUBLE_RULES,
    Rule,
)
from safepoint_commvault.settings import CommvaultJobBlock, CommvaultSettings
from safepoint_lab.daemon.catalogue import every_fault
from safepoint_native.settings import NativeSettings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TEXTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("docs_texts.toml").read_text("utf-8")
)
BLOCK = re.compile(
    r"(?P<head><!-- generated: (?P<name>[\w-]+) -->\n)(?P<body>.*?)(?P<foot><!-- end generated -->)",
    re.DOTALL,
)


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(headings)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def attribute_docs(kind: type) -> dict[str, str]:
    """Return what the string below each assignment in a class body says, by name."""
    found = re.findall(
        r'^    (\w+)[^\n]*\n    """(.*?)"""', inspect.getsource(kind), re.DOTALL | re.MULTILINE
    )
    return {name: " ".join(text.split()) for name, text in found}


# -- command line -----------------------------------------------------------------------------


def command_line() -> Any:
    """Return the command line with the commands of our own plugins only."""
    ours = [e for e in entry_points(group="safepoint") if e.dist and e.dist.name == "safepoint"]
    return typer.main.get_command(build(PluginHost(ours, blocked=())))


def commands(command: Any, path: tuple[str, ...] = ("safepoint",)) -> Iterator[tuple[str, Any]]:
    """Yield every command with its full name, groups before what is in them."""
    yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from commands(inner, (*path, name))


def is_argument(parameter: Any) -> bool:
    """Tell an argument from an option."""
    return not parameter.opts[0].startswith("-")


def cli() -> str:
    """Describe every command, argument and option."""
    parts = []
    for name, command in commands(command_line()):
        text = inspect.cleandoc(command.help or "")
        usage = [name, *(_usage(p) for p in command.params if is_argument(p))]
        inner = getattr(command, "commands", {})
        if inner:
            usage.append("COMMAND")
        if any(not is_argument(p) for p in command.params):
            usage.insert(1, "[OPTIONS]")
        parts += [f"## `{name}`\n", text + "\n", f"```text\n{' '.join(usage)}\n```\n"]
        if inner:
            rows = [(f"`{n}`", _first_line(c.help)) for n, c in inner.items() if not c.hidden]
            parts.append(table(("command", "what it does"), rows) + "\n")
        rows2 = [_parameter(p) for p in command.params if not p.hidden]
        if rows2:
            parts.append(table(("argument or option", "default", "meaning"), rows2) + "\n")
    return "\n".join(parts).rstrip() + "\n"


def _first_line(text: str | None) -> str:
    return inspect.cleandoc(text or "").split("\n\n")[0]


def _usage(argument: Any) -> str:
    word = str(argument.metavar or argument.name).upper()
    word += "..." if argument.nargs == -1 or argument.multiple else ""
    return word if argument.required else f"[{word}]"


def _parameter(parameter: Any) -> tuple[str, str, str]:
    if is_argument(parameter):
        name = f"`{str(parameter.metavar or parameter.name).upper()}`"
    else:
        name = ", ".join(f"`{o}`" for o in (*parameter.opts, *parameter.secondary_opts))
    choices = _choices(parameter.type_descriptor.annotation)
    meaning = parameter.help or ""
    if choices:
        meaning += f" One of {choices}."
    if parameter.envvar:
        meaning += f" Environment: `{parameter.envvar}`."
    return name, "required" if parameter.required else _value(parameter.default), meaning


def _choices(annotation: Any) -> str:
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    return ", ".join(f"`{one.value}`" for one in annotation) if is_enum else ""


def _value(value: Any) -> str:
    if value in (None, "", False, [], ()):
        return ""
    if callable(value):
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


# -- errors -----------------------------------------------------------------------------------


def error_classes(root: type[SafepointError] = SafepointError) -> Iterator[type[SafepointError]]:
    """Yield the classes of `safepoint.errors`, depth first, in the order they are written."""
    yield root
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from error_classes(kind)


def error_table() -> str:
    """Describe every error class: what it means, what the core does, what a person does."""
    rows = []
    for kind in error_classes():
        words = TEXTS["errors"][kind.__name__]
        meaning = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
        rows.append(
            (
                f"`{kind.code}`<br>`{kind.__name__}`",
                str(kind.exit_code),
                meaning,
                words["core"],
                words["you"],
            )
        )
    return table(("code, class", "exit", "meaning", "what the core does", "what you do"), rows)


def exit_codes() -> str:
    """Describe every exit code."""
    rows = {0: "", EXIT_FINDINGS: "", 130: ""}
    families = {kind.exit_code: kind.__name__ for kind in reversed(list(error_classes()))}
    rows |= {code: f"`{name}`" for code, name in families.items()}
    return table(
        ("code", "meaning", "error family"),
        ((str(code), TEXTS["exit"][str(code)], rows[code]) for code in sorted(rows)),
    )


# -- settings, journal, faults ----------------------------------------------------------------


def native_settings() -> str:
    """Describe the settings of the native driver."""
    return _settings(NativeSettings)


def commvault_settings() -> str:
    """Describe the settings of the driver for Commvault."""
    return _settings(CommvaultSettings)


def commvault_block() -> str:
    """Describe the block of Commvault in a job."""
    return _settings(CommvaultJobBlock)


def _settings(model: type[BaseModel]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        shown = "" if not default or "Secret" in str(field.annotation) else _value(default)
        if default == 0 and default is not False:
            shown = "`0`"
        if field.is_required():
            shown = "required"
        choices = _choices(field.annotation)
        meaning = (field.description or "") + (f" One of {choices}." if choices else "")
        rows.append((f"`{field.alias or name}`", shown, meaning))
    return table(("setting", "default", "meaning"), rows)


def journal() -> str:
    """Describe every table of the journal."""
    parts = []
    for one in schema.metadata.sorted_tables:
        words = TEXTS["journal"][one.name]
        parts.append(f"### `{one.name}`\n\n{words['_']}\n")
        rows = [(f"`{c.name}`", _column_type(c), words[c.name]) for c in one.columns]
        parts.append(table(("column", "type", "meaning"), rows) + "\n")
    return "\n".join(parts)


def _column_type(column: sa.Column[Any]) -> str:
    words = [str(column.type).lower()]
    if column.primary_key:
        words.append("key")
    elif column.nullable:
        words.append("may be empty")
    words += [f"→ `{key.target_fullname}`" for key in column.foreign_keys]
    return ", ".join(words)


def lab_faults() -> str:
    """Describe every fault that the lab can inject."""
    rows = []
    for fault in every_fault():
        parameters = ", ".join(f"`{k}={v}`" for k, v in fault.parameters.items())
        strikes = f"`{fault.operation}`" if fault.operation else ""
        # Numbers in brackets are rows of the research notes, which are not in the repository.
        meets = re.sub(r" \(#\d+\)", "", fault.description).replace(" [I]", " (inference)")
        rows.append((f"`{fault.name}`", fault.title, meets, strikes, parameters))
    return table(("name", "what goes wrong", "what a client meets", "strikes", "parameters"), rows)


# -- lifecycle --------------------------------------------------------------------------------


def lifecycle_diagram() -> str:
    """Draw the table of the lifecycle."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction TB"]
    lines += [f'    state "{s.value}" as {_node(s)}' for s in CheckpointState if "-" in s.value]
    lines.append(f"    [*] --> {_node(CheckpointState.REQUESTED)}: intent journaled")
    for (state, event), after in TABLE.items():
        lines.append(f"    {_node(state)} --> {_node(after)}: {event.value}")
    lines += [f"    {_node(s)} --> [*]" for s in CheckpointState if s not in OPEN_STATES]
    return "\n".join([*lines, "```"])


def _node(state: CheckpointState) -> str:
    return state.value.replace("-", "_")


def lifecycle_states() -> str:
    """Describe every state."""
    words = attribute_docs(CheckpointState)
    rows = [
        (f"`{s.value}`", words[s.name], "yes" if s in OPEN_STATES else "no")
        for s in CheckpointState
    ]
    return table(("state", "meaning", "open: the VM is not free"), rows)


def lifecycle_events() -> str:
    """Describe every event and where it may happen."""
    rows = []
    for event in CheckpointEvent:
        ways = ", ".join(
            f"`{s.value}` → `{after.value}`" for (s, e), after in TABLE.items() if e is event
        )
        rows.append((f"`{event.value}`", TEXTS["events"][event.value], ways))
    return table(("event", "what happened", "from → to"), rows)


# -- the boundary -----------------------------------------------------------------------------


def driver_methods() -> str:
    """Describe what every driver must offer."""
    return table(("method", "contract"), _methods(Driver, set()))


def abilities() -> str:
    """Describe every ability, and the methods of those that can be implemented."""
    required = set(Driver.__abstractmethods__)
    parts = []
    for ability in Ability:
        kind: Any = ABILITY_TYPES.get(ability)
        words = TEXTS["abilities"][ability.value]
        if kind is None:
            parts.append(f"### `{ability.value}`\n\n{words} No type carries it yet.\n")
            continue
        doc = inspect.cleandoc(kind.__doc__ or "")
        parts.append(f"### `{ability.value}`: `{kind.__name__}`\n\n{doc}\n")
        parts.append(table(("method", "contract"), _methods(kind, required)) + "\n")
        for finer in (one for one in REFINEMENTS if issubclass(one, kind)):
            doc = inspect.cleandoc(finer.__doc__ or "")
            parts.append(f"#### `{finer.__name__}`, which extends it\n\n{doc}\n")
            parts.append(table(("method", "contract"), _methods(finer, required)) + "\n")
    return "\n".join(parts)


def _methods(kind: type, without: set[str]) -> Iterator[tuple[str, str]]:
    names: frozenset[str] = getattr(kind, "__abstractmethods__", frozenset())
    for name, method in vars(kind).items():
        if name in names - without:
            signature = re.sub(r"(?:safepoint|collections)\.[\w.]+\.", "", _signature(method))
            yield f"`{name}{signature}`", inspect.cleandoc(method.__doc__ or "")


def _signature(method: Any) -> str:
    text = str(inspect.signature(method)).replace("'", "")
    return text.replace("(self, /)", "()").replace("(self, ", "(").replace("(self)", "()")


def support_levels() -> str:
    """Describe the levels of support."""
    words = {SupportLevel.SUPPORTED.name: "It works.", **attribute_docs(SupportLevel)}
    return table(("level", "meaning"), ((f"`{s.value}`", words[s.name]) for s in SupportLevel))


def hooks() -> str:
    """Describe every hook."""
    rows = []
    for name, hook in vars(hookspecs).items():
        if hasattr(hook, "safepoint_spec"):
            rows.append((f"`{name}{_signature(hook)}`", inspect.cleandoc(hook.__doc__ or "")))
    return table(("hook", "contract"), rows)


def models() -> str:
    """List the types that pass the boundary, with the first line of what each says."""
    kinds: dict[str, str] = {}
    for kind in Model.__subclasses__():
        room = kind.__module__.rpartition(".")[2]
        if kind.__module__.startswith("safepoint.models.") and room not in _ESTATE_ROOMS:
            kinds[kind.__name__] = room
    rows = [
        (f"`{name}`", f"`safepoint.models.{room}`", _first_line(_model(room, name).__doc__))
        for name, room in sorted(kinds.items(), key=lambda item: (item[1], item[0]))
    ]
    return table(("type", "module", "what it is"), rows)


_ESTATE_ROOMS = frozenset({"estate", "policies", "jobs"})


def _model(room: str, name: str) -> type:
    found: type = getattr(sys.modules[f"safepoint.models.{room}"], name)
    return found


def conformance_rules() -> str:
    """List the rules of the conformance suite."""
    books: tuple[tuple[str, Iterable[Rule[Any]]], ...] = (
        ("every driver", REQUIRED_RULES),
        ("`CanCheckpoint`", CHECKPOINT_RULES),
        ("`CanCheckpoint`, for recovery", RECOVERY_RULES),
        ("`CanCheckpoint`, in trouble", TROUBLE_RULES),
        ("`CanManage`", MANAGE_RULES),
        ("`CanInspectStorage`", STORAGE_RULES),
        ("`CanRunJobs`", RUN_RULES),
        ("`CanSuspendRuns`", SUSPEND_RULES),
        ("`CanRecoverInstantly`", INSTANT_RULES),
        ("`CanReplicate`", REPLICA_RULES),
    )
    rows = [(f"`{rule.id}`", of, rule.text) for of, rules in books for rule in rules]
    return table(("rule", "of", "what it demands"), rows)


def audit_verdicts() -> str:
    """Describe the table by which the audit judges."""
    rows = []
    for rule in VERDICTS:
        needs = ", ".join(f"`{fact}`" for fact in sorted(rule.needs))
        without = ", ".join(f"`{fact}`" for fact in sorted(rule.without))
        step = rule.next_step.format(vm="VM", name="NAME", product="PRODUCT", cluster="CLUSTER")
        rows.append((f"`{rule.id}`", needs, without, f"**{rule.verdict}**", step))
    return table(("row", "facts", "without", "verdict", "next safe step"), rows)


def audit_facts() -> str:
    """Describe the facts that the table speaks of."""
    words = attribute_docs(Fact)
    own = TEXTS["audit_facts"]
    rows = [(f"`{fact.value}`", words.get(fact.name) or own[fact.value]) for fact in Fact]
    return table(("fact", "meaning"), rows)


def audit_names() -> str:
    """Describe the names that are taken for a product's."""
    rows = [
        (
            rule.product,
            f"`{rule.pattern.pattern}`",
            "yes" if rule.keeps_one else "no",
            ", ".join(f"`{one}`" for one in sorted(rule.drivers)),
            rule.source,
        )
        for rule in NAMES
    ]
    heads = ("product", "name, as a pattern", "keeps one", "drivers to ask", "known from")
    return table(heads, rows)


def audit_patience() -> str:
    """Describe the ages from which something counts as left behind."""
    rows = []
    for name, field in Patience.model_fields.items():
        span = field.get_default()
        hours = span.total_seconds() / 3600
        text = f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:g} hours"
        rows.append((f"`{name}`", text, field.description or ""))
    return table(("patience with", "default", "meaning"), rows)


def findings() -> str:
    """Describe every finding that a plan may have."""
    rows = [
        (f"`{kind.code}`", kind.severity.value, kind.title, kind.meaning, kind.advice)
        for kind in FINDINGS.values()
    ]
    return table(("id", "severity", "what", "why it matters", "what to do"), rows)


def adr_index() -> str:
    """List the decision records."""
    rows = []
    for path in sorted((DOCS / "adr").glob("[0-9]*.md")):
        title = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
        number, _, rest = title.partition(" ")
        rows.append((number.rstrip(":."), f"[{rest}]({path.name})"))
    return table(("number", "decision"), rows)


BLOCKS: dict[str, Callable[[], str]] = {
    "abilities": abilities,
    "adr-index": adr_index,
    "audit-facts": audit_facts,
    "audit-names": audit_names,
    "audit-patience": audit_patience,
    "audit-verdicts": audit_verdicts,
    "cli": cli,
    "conformance-rules": conformance_rules,
    "findings": findings,
    "driver-methods": driver_methods,
    "errors": error_table,
    "exit-codes": exit_codes,
    "hooks": hooks,
    "journal": journal,
    "lab-faults": lab_faults,
    "lifecycle-diagram": lifecycle_diagram,
    "lifecycle-events": lifecycle_events,
    "lifecycle-states": lifecycle_states,
    "models": models,
    "commvault-block": commvault_block,
    "commvault-settings": commvault_settings,
    "native-settings": native_settings,
    "support-levels": support_levels,
}


def pages() -> Iterator[Path]:
    """Yield the pages that hold generated parts."""
    for path in sorted(DOCS.rglob("*.md")):
        if BLOCK.search(path.read_text("utf-8")):
            yield path


def renewed(text: str) -> str:
    """Return a page with its generated parts as the code has them now."""

    def fill(found: re.Match[str]) -> str:
        return f"{found['head']}\n{BLOCKS[found['name']]().strip()}\n\n{found['foot']}"

    return BLOCK.sub(fill, text)


def main(arguments: list[str]) -> int:
    """Rewrite the pages, or only say which differ."""
    stale = 0
    for path in pages():
        before = path.read_text("utf-8")
        after = renewed(before)
        if before != after:
            stale += 1
            print(path.relative_to(ROOT))
            if "--check" not in arguments:
                path.write_text(after, "utf-8", newline="\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
