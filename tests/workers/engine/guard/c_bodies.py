"""Reads the bodies of elementwise kernels, and computes what they say on whole NumPy arrays.

The part of C is the one that `kernels.fused.elementwise` promises; anything else is a SyntaxError.
Numbers that are not whole stand in `T(...)` only, and nothing is read after the first writing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

Names = dict[str, Any]

TYPES: dict[str, Any] = {
    "bool": np.bool_,
    "unsigned int": np.uint32,
    "long long": np.int64,
}
FUNCTIONS: dict[str, Any] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "fabs": np.abs,
    "pow": np.power,
    "erfc": special.erfc,
    "__umulhi": lambda a, b: (_wide(a) * _wide(b) >> np.uint64(32)).astype(np.uint32),
}
# From the loosest binding to the tightest, as in C.
LEVELS = (
    {"||": np.logical_or},
    {"&&": np.logical_and},
    {"^": np.bitwise_xor},
    {"==": np.equal, "!=": np.not_equal},
    {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal},
    {"+": np.add, "-": np.subtract},
    {"*": np.multiply, "/": lambda a, b: _quotient(a, b), "%": np.remainder},
)
_TOKEN = re.compile(
    r"\s*(?:(?P<number>0x[0-9a-f]+u|\d+\.?\d*(?:e[-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\|\||&&|==|!=|<=|>=|[-+*/%^<>?:=(),;]))"
)


class Statement(NamedTuple):
    """`name` becomes the value, converted to `type` where the name is declared here."""

    name: str
    type: str | None
    value: Callable[[Names], Any]
    reads: frozenset[str]


class Body:
    """The statements of one body, checked."""

    def __init__(self, text: str, reads: tuple[str, ...], writes: tuple[str, ...]) -> None:
        self.statements = _Parser(text).statements()
        known, written = {*reads, *writes, "i"}, set[str]()
        for statement in self.statements:
            unknown = statement.reads - known
            if unknown or (written and statement.reads & set(reads)):
                raise SyntaxError(f"{statement.name} reads {statement.reads} there")
            if (statement.type is None) == (statement.name not in known):
                raise SyntaxError(f"{statement.name} is declared twice, or not at all")
            if statement.type is None and statement.name in writes:
                written.add(statement.name)
            elif statement.type is None and statement.name in (*reads, "i"):
                raise SyntaxError(f"{statement.name} is written, and only read outside")
            known.add(statement.name)
        if written != set(writes):
            raise SyntaxError(f"{set(writes) - written} are never written")

    def run(self, names: Names, precision: np.dtype[Any]) -> Names:
        """All names with their values after the last statement."""
        names = {**names, "T": precision.type}
        for statement in self.statements:
            value = statement.value(names)
            if statement.type is not None:
                kind = precision.type if statement.type == "T" else TYPES[statement.type]
                value = np.asarray(value).astype(kind)
            elif statement.name in names:
                value = np.asarray(value).astype(np.asarray(names[statement.name]).dtype)
            names[statement.name] = value
        return names


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        self._reads: set[str] = set()
        place = 0
        text = text.strip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise SyntaxError(f"cannot read {text[place : place + 20]!r}")
            self._tokens.append((found.lastgroup or "", found.group(found.lastgroup or 0)))
            place = found.end()

    def statements(self) -> list[Statement]:
        found = []
        while self._at < len(self._tokens):
            self._reads = set()
            kind = self._declared_type()
            name = self._take()[1]
            self._expect("=")
            value = self._conditional()
            self._expect(";")
            found.append(Statement(name, kind, value, frozenset(self._reads)))
        return found

    def _declared_type(self) -> str | None:
        self._accept("const")
        for kind in ("T", *TYPES):
            words = kind.split()
            ahead = [token[1] for token in self._tokens[self._at : self._at + len(words) + 1]]
            if ahead[:-1] == words and ahead[-1] not in ("=", "("):
                self._at += len(words)
                return kind
        return None

    def _conditional(self) -> Any:
        condition = self._binary(0)
        if not self._accept("?"):
            return condition
        chosen = self._conditional()
        self._expect(":")
        other = self._conditional()
        return lambda names: np.where(condition(names), chosen(names), other(names))

    def _binary(self, level: int) -> Any:
        if level == len(LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._at < len(self._tokens) and self._tokens[self._at][1] in LEVELS[level]:
            operation = LEVELS[level][self._take()[1]]
            right = self._binary(level + 1)
            left = _applied(operation, left, right)
        return left

    def _unary(self) -> Any:
        if self._accept("-"):
            return _applied(np.negative, self._unary())
        kind, text = self._take()
        if kind == "number":
            return _literal(text)
        if text == "(":
            inside = self._conditional()
            self._expect(")")
            return inside
        if kind != "name":
            raise SyntaxError(f"{text} is out of place")
        return self._called(text) if self._accept("(") else self._named(text)

    def _named(self, name: str) -> Any:
        self._reads.add(name)
        return lambda names: names[name]

    def _called(self, name: str) -> Any:
        if name == "T":
            return self._constant()
        arguments = [self._conditional()]
        while self._accept(","):
            arguments.append(self._conditional())
        self._expect(")")
        return _applied(FUNCTIONS[name], *arguments)

    def _constant(self) -> Any:
        sign = -1.0 if self._accept("-") else 1.0
        kind, text = self._take()
        self._expect(")")
        if kind != "number":
            raise SyntaxError("T(...) is for constants")
        return lambda names: names["T"](sign * float(text))

    def _take(self) -> tuple[str, str]:
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][1] == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise SyntaxError(f"expected {text} before token {self._at}")


def _applied(function: Any, *arguments: Any) -> Any:
    return lambda names: function(*(argument(names) for argument in arguments))


def _literal(text: str) -> Any:
    if text.startswith("0x"):
        word = np.uint32(int(text[:-1], 16))
        return lambda _names: word
    if not text.isdecimal():
        raise SyntaxError(f"{text} would be computed in double precision: T({text})")
    return lambda _names: int(text)


def _wide(words: Any) -> Any:
    return np.asarray(words).astype(np.uint64)


def _quotient(a: Any, b: Any) -> Any:
    whole = np.asarray(a).dtype.kind in "iu" and np.asarray(b).dtype.kind in "iu"
    return np.floor_divide(a, b) if whole else np.divide(a, b)
