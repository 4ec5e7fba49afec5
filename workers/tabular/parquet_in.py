"""Parquet files of strangers: checked by their footers first, then read some rows at a time."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from workers.tabular.csv_columns import check_size
from workers.tabular.csv_dialect import check_names
from workers.tabular.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.tabular.cells import Column
    from workers.tabular.options import Limits

_BATCH_CELLS = 1 << 20
_FIRST_ROWS = 1 << 15
_MAX_FOOTER_BYTES = 64 << 20


def parquet_blocks(path: Path, limits: Limits) -> Iterator[dict[str, Column]]:
    """The rows of the table in blocks; text comes as dictionaries where its cells repeat.

    The footer's count of rows and columns is what bounds the work: sizes in it say nothing of what
    a few repeated pages unfold to.

    Raises:
        TableError: parquet_invalid, too_many_rows, too_many_cells, column_type, encoding; what is
            wrong with the names of columns.
    """
    with _refused():
        texts, step = _checked(path, limits)
        repeating = _repeating(path, texts, min(step, _FIRST_ROWS)) if texts else []
    with _refused(), pq.ParquetFile(path, read_dictionary=repeating) as file:
        for batch in file.iter_batches(batch_size=step, use_threads=False):
            yield {name: _plain(_valid(name, batch[name])) for name in batch.schema.names}


def _checked(path: Path, limits: Limits) -> tuple[list[str], int]:
    """The columns of text, and how many rows are read at once."""
    with pq.ParquetFile(path, thrift_string_size_limit=_MAX_FOOTER_BYTES) as file:
        footer, schema = file.metadata, file.schema_arrow
        names = tuple(schema.names)
        if len(names) > limits.columns:
            detail = f"the file has {len(names)} columns, and at most {limits.columns} are read"
            raise TableError("parquet_invalid", detail, limit=limits.columns)
        if footer.num_rows == 0 or not names:
            raise TableError("parquet_invalid", "the file holds no row")
        check_size(footer.num_rows, len(names), limits)
        check_names(names, limits)
        for field in schema:
            _check_type(field)
        texts = [field.name for field in schema if _is_text(field.type)]
        _check_widths(footer, set(texts), limits)
        return texts, max(1, _BATCH_CELLS // len(names))


def _repeating(path: Path, texts: list[str], n_rows: int) -> list[str]:
    """The columns of text most of whose first cells repeat: others are slower as dictionaries."""
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        first: Any = next(file.iter_batches(batch_size=n_rows, columns=texts, use_threads=False))
    return [name for name in texts if 2 * len(first[name].dictionary) <= first.num_rows]


def _check_type(field: pa.Field[pa.DataType]) -> None:
    kind = field.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    is_time = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    if is_number or is_time or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return
    if not _is_text(kind):
        said = re.split("[<(]", str(kind))[0]
        detail = f"numbers, truth values, text, dates and timestamps are read, {said} is not"
        raise TableError("parquet_invalid", detail, column=field.name)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def _check_widths(footer: pq.FileMetaData, texts: set[str], limits: Limits) -> None:
    """Refuse columns of documents before their pages are unpacked."""
    for group in range(footer.num_row_groups):
        part = footer.row_group(group)
        for place in range(part.num_columns):
            column = part.column(place)
            name = column.path_in_schema
            mean_bytes = column.total_uncompressed_size / max(part.num_rows, 1)
            if name in texts and mean_bytes > limits.field_bytes:
                detail = f"its texts are longer than {limits.field_bytes} bytes"
                raise TableError("column_type", detail, column=name, limit=limits.field_bytes)


def _valid(name: str, column: Column) -> Column:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raise TableError("encoding", "the text of a column is not UTF-8", column=name) from None
    return column


def _plain(column: Column) -> Column:
    is_other_text = column.type in (pa.large_string(), pa.string_view())
    return column.cast(pa.string()) if is_other_text else column


@contextmanager
def _refused() -> Iterator[None]:
    # Truncated, garbled, encrypted: Arrow tells these apart by words alone.
    try:
        yield
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise TableError("parquet_invalid", "the file cannot be read as Parquet") from error
