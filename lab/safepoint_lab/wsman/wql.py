"""WQL: the text of a query to a tree, with the strictness of a real host.

Two families: `SELECT … FROM … [WHERE …]` and `ASSOCIATORS OF` / `REFERENCES OF {path}`.
Keywords and names are in any case; a backslash in a literal must be doubled ([R] for the
doubling; refusing an undoubled one is [I]).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from safepoint_lab.wsman.cimfault import invalid_query

__all__ = [
    "AssociationQuery",
    "Both",
    "Comparison",
    "Either",
    "Expression",
    "Literal",
    "Negation",
    "Select",
    "parse",
]

Literal: TypeAlias = "str | int | float | bool | None"

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<path>\{[^{}]*\})
    | (?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<symbol><>|!=|<=|>=|[=<>(),*])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_COMPARISONS = frozenset({"=", "<>", "!=", "<", ">", "<=", ">="})
_ASSOCIATION_TERMS = frozenset({"assocclass", "resultclass", "role", "resultrole"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name operator literal`; the operator is `=`, `<>`, `<`, `>`, `<=`, `>=` or `like`."""

    name: str
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Both:
    """AND."""

    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Either:
    """OR."""

    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT."""

    inner: Expression


Expression: TypeAlias = "Comparison | Both | Either | Negation"


@dataclass(frozen=True, slots=True)
class Select:
    """A data query; `columns` is empty for `*`."""

    class_name: str
    columns: tuple[str, ...] = ()
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class AssociationQuery:
    """`ASSOCIATORS OF` (or `REFERENCES OF`, when `associators` is false) an object path."""

    path: str
    associators: bool
    association_class: str = ""
    result_class: str = ""
    role: str = ""
    result_role: str = ""


def parse(text: str) -> Select | AssociationQuery:
    """Parse a query.

    Raises:
        CimFault: It is no WQL (provider status: invalid query).
    """
    parser = _Parser(_tokens(text))
    first = parser.word()
    if first == "select":
        return parser.select()
    if first in {"associators", "references"}:
        parser.expect("of")
        return parser.association(associators=first == "associators")
    raise invalid_query()


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise invalid_query()
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return found


def _unquote(quoted: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[1] not in "\\\"'":
            raise invalid_query()
        return match[1]

    return _ESCAPE.sub(plain, quoted[1:-1])


class _Parser:
    """Recursive descent over the tokens; every dead end is an invalid query."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._next = 0

    def word(self) -> str:
        """Take a keyword, lower case."""
        return self._take("name").lower()

    def expect(self, keyword: str) -> None:
        """Take exactly this keyword or symbol."""
        if self._peek() != keyword:
            raise invalid_query()
        self._next += 1

    def select(self) -> Select:
        """Parse what follows SELECT."""
        columns: list[str] = []
        if self._peek() == "*":
            self._next += 1
        else:
            columns.append(self._take("name"))
            while self._peek() == ",":
                self._next += 1
                columns.append(self._take("name"))
        self.expect("from")
        class_name = self._take("name")
        where = None
        if self._peek() == "where":
            self._next += 1
            where = self._either()
        self._finish()
        return Select(class_name, tuple(columns), where)

    def association(self, *, associators: bool) -> AssociationQuery:
        """Parse what follows ASSOCIATORS OF or REFERENCES OF."""
        path = self._take("path")[1:-1]
        terms: dict[str, str] = {}
        if self._more():
            self.expect("where")
            while self._more():
                term = self.word()
                if term not in _ASSOCIATION_TERMS:
                    raise invalid_query()
                self.expect("=")
                terms[term] = self._take("name")
        if not associators and terms.keys() - {"resultclass", "role"}:
            raise invalid_query()
        return AssociationQuery(
            path,
            associators,
            terms.get("assocclass", ""),
            terms.get("resultclass", ""),
            terms.get("role", ""),
            terms.get("resultrole", ""),
        )

    def _either(self) -> Expression:
        left = self._both()
        while self._peek() == "or":
            self._next += 1
            left = Either(left, self._both())
        return left

    def _both(self) -> Expression:
        left = self._negation()
        while self._peek() == "and":
            self._next += 1
            left = Both(left, self._negation())
        return left

    def _negation(self) -> Expression:
        if self._peek() == "not":
            self._next += 1
            return Negation(self._negation())
        if self._peek() == "(":
            self._next += 1
            inner = self._either()
            self.expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Expression:
        name = self._take("name")
        operator = self._peek()
        self._next += 1
        if operator == "is":
            negated = self._peek() == "not"
            self._next += negated
            self.expect("null")
            return Comparison(name, "<>" if negated else "=", None)
        if operator == "not":
            self.expect("like")
            return Negation(Comparison(name, "like", self._string()))
        if operator == "like":
            return Comparison(name, "like", self._string())
        if operator not in _COMPARISONS:
            raise invalid_query()
        return Comparison(name, "<>" if operator == "!=" else operator, self._literal())

    def _string(self) -> str:
        return _unquote(self._take("string"))

    def _literal(self) -> Literal:
        kind, text = self._token()
        if kind == "string":
            return self._string()
        self._next += 1
        if kind == "number":
            return float(text) if "." in text else int(text, 0 if "x" in text.lower() else 10)
        words: dict[str, Literal] = {"true": True, "false": False, "null": None}
        if kind == "name" and text.lower() in words:
            return words[text.lower()]
        raise invalid_query()

    def _token(self) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            return ("end", "")
        return self._tokens[self._next]

    def _peek(self) -> str:
        """Return the next token's text, lower case; literals never look like keywords."""
        kind, text = self._token()
        return text.lower() if kind in {"name", "symbol"} else ""

    def _more(self) -> bool:
        return self._next < len(self._tokens)

    def _take(self, kind: str) -> str:
        found, text = self._token()
        if found != kind:
            raise invalid_query()
        self._next += 1
        return text

    def _finish(self) -> None:
        if self._more():
            raise invalid_query()
