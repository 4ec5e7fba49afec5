"""What the owner of a table wishes about its reading, and how much of it is allowed."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar, get_args

from workers.tabular.errors import TableError
from workers.tabular.formats import DatasetFormat
from workers.tabular.types import MISSING_TOKENS, ColumnType, DateOrder

T = TypeVar("T")

# The encodings by the names that Python gives them; each is read as a stream.
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "iso8859-1",
    "iso8859-15",
    "cp1252",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one file may cost.

    A line is what stands between two line ends; a block is what is parsed at once, and grows with
    the longest line and with the number of columns.
    """

    rows: int = 10_000_000
    columns: int = 10_000
    cells: int = 50_000_000
    line_bytes: int = 1 << 20
    field_bytes: int = 64 << 10
    name_characters: int = 256
    block_bytes: int = 4 << 20
    cpu_seconds: int = 60
    memory_bytes: int = 4 << 30
    open_files: int = 64


@dataclass(frozen=True, kw_only=True)
class ColumnWish:
    """The type of one column and the cells that mean missing in it; None leaves it to inference.

    An empty cell is always missing. `dates` is which part of 05/01/2024 comes first.
    """

    type: ColumnType | None = None
    missing: tuple[str, ...] | None = None
    dates: DateOrder | None = None

    @property
    def checked_type(self) -> ColumnType | None:
        """What every cell must be."""
        return "datetime" if self.dates else self.type

    @property
    def missing_tokens(self) -> tuple[str, ...]:
        """Every cell of the column that is read as missing."""
        return MISSING_TOKENS if self.missing is None else ("", *self.missing)


@dataclass(frozen=True, kw_only=True)
class ParseWish:
    """How the file is written; None means: find out. `quote` "" means that nothing is quoted."""

    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    header: bool = True
    decimal: str | None = None
    format: DatasetFormat | None = None

    def __post_init__(self) -> None:
        one_character = {"delimiter": self.delimiter, "quote": self.quote or None}
        for name, value in one_character.items():
            if value is not None and not _is_separator(value):
                raise TableError("parse_option", f"{name} must be one ASCII character")
        if self.decimal not in (None, ".", ","):
            raise TableError("parse_option", "decimal must be a point or a comma")
        if self.delimiter is not None and self.delimiter in (self.quote, self.decimal):
            raise TableError("parse_option", "delimiter must differ from quote and decimal")
        if self.format is not None and self.format not in get_args(DatasetFormat):
            allowed = ", ".join(get_args(DatasetFormat))
            raise TableError("parse_option", f"format must be one of {allowed}")
        if self.encoding is not None and _codec(self.encoding) not in ENCODINGS:
            raise TableError("parse_option", f"encoding must be one of {', '.join(ENCODINGS)}")

    @property
    def codec(self) -> str | None:
        """The wished encoding by Python's name for it."""
        return None if self.encoding is None else _codec(self.encoding)


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """Everything the ingest child is told.

    `texts` are the columns whose numbers and truth values stood as text among typed values, in the
    file that a stored table comes from.
    """

    schema: Mapping[str, ColumnWish] = field(default_factory=dict)
    parse: ParseWish = ParseWish()
    limits: Limits = Limits()
    texts: tuple[str, ...] = ()

    def wish(self, column: str) -> ColumnWish:
        """What is wished about the column."""
        return self.schema.get(column, ColumnWish())

    def reading(self) -> dict[str, Any]:
        """How cells are told apart, as plain data: what later rows must be read with, too."""
        columns: dict[str, dict[str, Any]] = {}
        for name, wish in self.schema.items():
            if wish.missing is not None:
                columns[name] = {"missing": list(wish.missing)}
            if wish.dates is not None:
                columns[name] = columns.get(name, {}) | {"dates": wish.dates}
        # Later rows may come in another format.
        parse = asdict(replace(self.parse, format=None))
        reading: dict[str, Any] = {
            "schema": columns,
            "parse": {key: value for key, value in parse.items() if value is not None},
        }
        return reading | {"texts": list(self.texts)} if self.texts else reading

    def dated(self, orders: Mapping[str, DateOrder]) -> IngestOptions:
        """The same with the orders of the dates in columns, which were found out."""
        found = {name: replace(self.wish(name), dates=order) for name, order in orders.items()}
        return replace(self, schema={**self.schema, **found})

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> IngestOptions:
        """The options from JSON: `{"schema": {...}, "parse": {...}, "limits": {...}}`.

        Raises:
            TableError: parse_option or schema_option, where a wish is not one of those above.
        """
        schema = plain.get("schema") or {}
        return cls(
            schema={name: _column_wish(name, wish) for name, wish in schema.items()},
            parse=_from_plain(ParseWish, "parse_option", plain.get("parse") or {}),
            limits=_from_plain(Limits, "parse_option", plain.get("limits") or {}),
            texts=tuple(plain.get("texts") or ()),
        )


def orders_in(reading: Mapping[str, Any]) -> dict[str, DateOrder]:
    """The orders of the dates in the columns of a table, by its `IngestOptions.reading`."""
    columns = reading.get("schema", {}).items()
    return {name: told["dates"] for name, told in columns if "dates" in told}


def _column_wish(column: str, plain: Mapping[str, Any]) -> ColumnWish:
    wish = _from_plain(ColumnWish, "schema_option", plain)
    if wish.type is not None and wish.type not in get_args(ColumnType):
        allowed = ", ".join(get_args(ColumnType))
        raise TableError("schema_option", f"type must be one of {allowed}", column=column)
    if wish.dates not in (None, *get_args(DateOrder)):
        allowed = ", ".join(get_args(DateOrder))
        raise TableError("schema_option", f"dates must be one of {allowed}", column=column)
    if wish.dates is not None and wish.type not in (None, "datetime"):
        raise TableError("schema_option", f"dates are no {wish.type}", column=column)
    missing = None if wish.missing is None else tuple(wish.missing)
    return ColumnWish(type=wish.type, missing=missing, dates=wish.dates)


def _from_plain(kind: type[T], code: str, plain: Mapping[str, Any]) -> T:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if set(plain) - known:
        raise TableError(code, f"known options are {', '.join(sorted(known))}")
    return kind(**plain)


def _is_separator(value: str) -> bool:
    return len(value) == 1 and value.isascii() and value not in "\r\n\0"


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return name
