"""Datasets on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.wire import Name, UtcTime, Wire

ColumnType = Literal["numeric", "categorical", "boolean", "datetime", "text", "ignore"]
DatasetFormat = Literal["csv", "tsv", "json", "ndjson", "parquet", "npy"]
Encoding = Literal["utf-8", "latin-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]
MissingToken = Annotated[str, Field(max_length=64)]


class ColumnOverride(Wire):
    """What the user knows better about a column than inference does."""

    type: ColumnType | None = None
    missing: list[MissingToken] | None = Field(None, max_length=100)
    dates: Literal["day_first", "month_first"] | None = Field(
        None,
        description="Which part comes first in dates such as 05/01/2024; found from the cells "
        "where one of them can be read in one way only.",
    )


class ParseOptions(Wire):
    """How to read the text, where detection should not decide."""

    delimiter: Literal[",", ";", "\t", "|"] | None = None
    quote: Annotated[str, Field(max_length=1)] | None = None
    encoding: Encoding | None = None
    header: bool = True
    decimal: Literal[".", ","] | None = None
    format: DatasetFormat | None = None
    """Found from the first bytes if unset."""


class DatasetOptions(Wire):
    """What comes beside the file of an upload; each is a part of the form."""

    name: Name | None = None
    columns: dict[str, ColumnOverride] = Field({}, alias="schema", max_length=10_000)
    parse: ParseOptions = ParseOptions()


class DatasetDerive(Wire):
    """Columns of a table to be read as other types, from what is stored of them."""

    columns: dict[str, ColumnOverride] = Field(alias="schema", min_length=1, max_length=10_000)


class TopValue(Wire):
    """A frequent value with its count."""

    value: str
    count: int


class Histogram(Wire):
    """Counts of values in bins of equal width; the last bin includes its upper edge."""

    edges: list[float]
    counts: list[int]


class Column(Wire):
    """A column: its type, why it was inferred, statistics of the values present."""

    name: str
    type: ColumnType
    reason: str
    integer: bool
    missing: int
    distinct: int
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    top: list[TopValue] = Field([])
    histogram: Histogram | None = Field(None, description="Of a numeric or datetime column.")


class DataWarning(Wire):
    """Something in the data that the user should know."""

    code: str
    column: str | None = None
    detail: str


class Dataset(Wire):
    """An immutable table."""

    id: str
    name: str
    format: DatasetFormat
    sha256: str = Field(description="Digest of the uploaded bytes.")
    bytes: int
    rows: int
    columns: list[Column]
    warnings: list[DataWarning]
    parent_id: str | None = Field(None, description="The dataset that it was derived from.")
    created_at: UtcTime


class DatasetRows(Wire):
    """A window of rows, in the table's order."""

    offset: int
    rows: list[dict[str, str | float | int | bool | None]]
    total: int
