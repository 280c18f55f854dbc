"""The reference page of the estate documents, made from the models.

`python -m safepoint.estate.reference > docs/reference/estate.md` writes it; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from safepoint.estate.documents import KINDS
from safepoint.estate.schema import estate_schema
from safepoint.models.estate import API_VERSION

__all__ = ["render_reference"]

_INTRODUCTION: Final = f"""\
# Estate documents

<!-- Made from the models: python -m safepoint.estate.reference > docs/reference/estate.md -->

An estate is any number of YAML documents in any number of files. Each begins like this:

```yaml
apiVersion: {API_VERSION}
kind: Policy            # {", ".join(KINDS)}
metadata:
  name: gold
spec: {{}}                # the fields below
```

- Files hold one document or many, separated by `---`. Folders are searched at any depth for
  `*.yaml` and `*.yml`; `-` is standard input. The order never matters.
- Fields are written in lower camel case. An unknown field is an error.
- Names are unique among the documents of a kind; upper and lower case are the same.
- Words are read by the rules of YAML 1.2: only `true` and `false` are booleans; `no`, `on` and
  `22:00` are text. Anchors and aliases work; merge keys (`<<`) and tags do not.
- A relative path starts from the folder of the file that it is written in.
- Put shares in single quotes or none: in double quotes YAML takes `\\` for an escape.

Of a policy, `consistency` and `fallback` are acted on today; `schedule`, `retention` and `rpo`
are read and checked, and runs start on command.

`safepoint validate` checks documents; `safepoint schema` prints the same format as JSON Schema.
"""

_VALUES: Final = """\
## Kinds of value

| value | how it is written |
| --- | --- |
| name | letters, digits, `.`, `_`, `-`; begins with a letter or digit; at most 63 |
| length of time | numbers with `w`, `d`, `h`, `m`, `s`: `14d`, `90m`, `1d12h`; no months or years |
| time of day | `HH:MM`, from `00:00` to `23:59` |
| time zone | a name of the IANA database: `Europe/Berlin`, `UTC` |
| day of the month | 1 to 31, or `last` |
| weekday of the month | `first`, `second`, `third`, `fourth` or `last` and a day: `first sunday` |
| UNC path | `\\\\server\\share`, or a folder below one |
| pattern | text with `*`, `?`, `[ab]`; upper and lower case are the same; `[[]` is a bracket |
| share pattern | a UNC path of patterns, one for each part; it covers everything below it |
| address | `https://host:5986/wsman`, `http://host:5985/wsman` or a host name |
| path | a file or folder of this machine |
| secret reference | see below |

## Secrets

A secret is never written into a document. A field that holds one, and any field whose name
ends in a word like `password`, `token` or `secret`, takes a reference:

| reference | the secret is |
| --- | --- |
| `env:NAME` | the environment variable |
| `file:PATH` | the content of the file, without one closing line break; refused when every user of the machine can read it |
| `keyring:SERVICE/USER` | an entry of the operating system's key ring; needs `pip install 'safepoint[keyring]'` |
| `exec:COMMAND ARGUMENT …` | what the command prints, without one closing line break; started without a shell, in the folder of the document, for at most 30 seconds |
"""


def render_reference() -> str:
    """Return the page as Markdown."""
    schema = estate_schema()
    parts = [_INTRODUCTION, *_sections(schema["$defs"]), _VALUES]
    return "\n".join(parts)


def _sections(definitions: Mapping[str, Any]) -> Iterator[str]:
    for kind in KINDS:
        document = definitions[kind]
        yield f"## {kind}\n\n{document['description']}\n"
        yield from _fields(definitions, f"{kind}Spec", "spec", set())
    yield "## Metadata\n\nThe same for every kind.\n"
    yield from _fields(definitions, "Metadata", "metadata", set())


def _fields(definitions: Mapping[str, Any], name: str, path: str, done: set[str]) -> Iterator[str]:
    """Yield a table for a part of a document and for the parts inside it, each once a kind."""
    if name in done:
        return
    done.add(name)
    part = definitions[name]
    required = part.get("required", [])
    rows = [
        f"| `{field}` | {_type(schema, definitions)} | {_default(schema, field in required)} "
        f"| {_meaning(schema)} |"
        for field, schema in part["properties"].items()
    ]
    table = "\n".join(
        ["| field | value | default | meaning |", "| --- | --- | --- | --- |", *rows]
    )
    yield f"### `{path}`\n\n{part['description']}\n\n{table}\n"
    for field, schema in part["properties"].items():
        for inner, is_list in _parts(schema, definitions):
            suffix = "[]" if is_list else ""
            yield from _fields(definitions, inner, f"{path}.{field}{suffix}", done)


def _parts(
    schema: Mapping[str, Any], definitions: Mapping[str, Any]
) -> Iterator[tuple[str, bool]]:
    """Yield the parts with fields of their own that a value is made of."""
    if "$ref" in schema:
        name = _name(schema)
        if "properties" in definitions[name]:
            yield name, False
    for option in schema.get("anyOf", ()):
        yield from _parts(option, definitions)
    if "items" in schema:
        for name, _ in _parts(schema["items"], definitions):
            yield name, True


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "title" in schema:
        return str(schema["title"])
    if "$ref" in schema:
        return _type_of_definition(definitions[_name(schema)])
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(_type(option, definitions) for option in options)
    if "const" in schema:
        return f"`{_literal(schema['const'])}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'], definitions)}"
    if schema.get("type") == "object":
        return "mapping"
    words = {"string": "text", "boolean": "`true` or `false`", "integer": "whole number"}
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"))
        if key in schema
    ]
    return " ".join([words[schema["type"]], *limits])


def _type_of_definition(definition: Mapping[str, Any]) -> str:
    if "enum" in definition:
        return ", ".join(f"`{word}`" for word in definition["enum"])
    return "fields"


def _default(schema: Mapping[str, Any], required: bool) -> str:  # noqa: FBT001  # one caller
    if required:
        return "required"
    value = schema.get("default")
    return "" if value in (None, [], {}) else f"`{_literal(value)}`"


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meaning(schema: Mapping[str, Any]) -> str:
    return " ".join(schema.get("description", "").split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render_reference())
