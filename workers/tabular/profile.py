"""What is known of a table without opening it: its columns, their types and statistics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from workers.tabular.formats import DatasetFormat
from workers.tabular.types import ColumnType


@dataclass(frozen=True)
class TopValue:
    """One of the twenty most frequent values of a column, with the number of cells that hold it.

    A numeric column has all of its values where they are no more than twenty, else none.
    """

    value: str
    count: int


@dataclass(frozen=True)
class Histogram:
    """How the cells of a column spread: `counts[i]` of them in `[edges[i], edges[i + 1])`.

    The last bin includes its upper edge. The bins are equally wide, from the least value to the
    greatest; a column of one value has one bin without width.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class ColumnProfile:
    """One column; every figure is over its cells that are not missing.

    `min`, `max`, `mean` and `std` (the population's) belong to numeric columns; a datetime column
    has `min` and `max` in seconds since 1970 UTC. `integer` says that every value of a numeric
    column is a whole number. `reason` says why the column has its type.
    """

    name: str
    type: ColumnType
    missing: int
    distinct: int
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    top: tuple[TopValue, ...]
    integer: bool
    reason: str
    histogram: Histogram | None = None


@dataclass(frozen=True)
class TableWarning:
    """Something legal that its owner will want to know.

    Codes: constant_column, missing_column (no value at all), mixed_numbers, mixed_dates,
    rounded_numbers, missing_words, near_unique_text, id_like, unread_numbers, unread_dates,
    duplicate_rows, decimal_comma, header_of_numbers.
    """

    code: str
    column: str | None
    detail: str


@dataclass(frozen=True)
class TableProfile:
    """A table as its statistics describe it."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    warnings: tuple[TableWarning, ...]
    format: DatasetFormat = "csv"

    def column(self, name: str) -> ColumnProfile | None:
        """The column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The profile as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> TableProfile:
        """The profile that `to_json` wrote."""
        return cls(
            rows=plain["rows"],
            columns=tuple(_column(column) for column in plain["columns"]),
            warnings=tuple(TableWarning(**warning) for warning in plain["warnings"]),
            format=plain["format"],
        )


def _column(plain: dict[str, Any]) -> ColumnProfile:
    top = tuple(TopValue(**value) for value in plain["top"])
    # Profiles that were stored before there were histograms have none.
    spread = plain.get("histogram")
    histogram = spread and Histogram(tuple(spread["edges"]), tuple(spread["counts"]))
    return ColumnProfile(**{**plain, "top": top, "histogram": histogram})
