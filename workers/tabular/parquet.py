"""The stored form of a table: Parquet, compressed with zstd.

Columns by type: numeric int64 where every value is a whole number below 2^53, else float64,
always finite; categorical, text and ignored text; boolean bool; datetime timestamp[us] in UTC.
A missing cell is null. Readers get text as dictionary<int32, string>, however it is stored.
"""

from __future__ import annotations

import json
import math
import mmap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, cast

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedRandom
    from pathlib import Path

    from workers.tabular.cells import Chunks, Column

_READING = b"slope.reading"
_GROUP_ROWS = 1 << 17
_GROUP_BYTES = 64 << 20
_CELL_BYTES = 8


class TableWriter:
    """Writes a table to a file piece by piece, gathered into row groups of a useful size.

    A column of text is stored as a dictionary, or cell by cell where most cells of the first group
    differ: then a dictionary makes it larger, and costs more time than all the rest.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[Mapping[str, Column]] = []
        self._n_rows = self._n_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None and (self._waiting or self._writer is None):
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def write(self, piece: Mapping[str, Column]) -> None:
        """Append the rows; text may come as a dictionary or cell by cell."""
        self._waiting.append(piece)
        self._n_rows += len(piece[self._schema.names[0]])
        self._n_bytes += sum(column.nbytes for column in piece.values())
        if self._n_rows >= _GROUP_ROWS or self._n_bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        columns = [self._gathered(field) for field in self._schema]
        if self._writer is None:
            fields = [
                pa.field(name, column.type)
                for name, column in zip(self._schema.names, columns, strict=True)
            ]
            self._schema = pa.schema(fields).with_metadata(self._schema.metadata)
            self._writer = _writer(self._path, self._schema)
        group = pa.Table.from_arrays(columns, schema=self._schema)
        self._writer.write_table(group, row_group_size=max(group.num_rows, 1))
        self._waiting.clear()
        self._n_rows = self._n_bytes = 0

    def _gathered(self, field: pa.Field[pa.DataType]) -> Chunks:
        """The waiting cells of a column, in the form that it is stored in."""
        kind: Any = field.type
        chunks: list[Any] = [piece[field.name] for piece in self._waiting]
        if pa.types.is_string(kind):
            chunks = [_cell_by_cell(chunk) for chunk in chunks]
        elif pa.types.is_dictionary(kind):
            chunks = [_encoded(chunk) for chunk in chunks]
        column: Any = pa.chunked_array(chunks, kind)
        if not pa.types.is_dictionary(kind):
            return cast("Chunks", column)
        # One dictionary for the group: the writer gives up its own on the second.
        column = column.unify_dictionaries()
        if self._writer is None and _differ_mostly(column):
            column = column.cast(pa.string())
        return cast("Chunks", column)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    dictionaries = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    numbers = [field.name for field in schema if _is_number(field.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=dictionaries,  # type: ignore[arg-type]  # names, too: the stubs lag behind
        # Puts like bytes of neighbouring numbers together: to write and to read two to five times
        # as fast as without, and as dictionaries, where numbers do not repeat.
        use_byte_stream_split=numbers,
        # Nobody looks for cells by the least and the greatest of a group.
        write_statistics=False,
    )


def _is_number(kind: pa.DataType) -> bool:
    is_moment = pa.types.is_timestamp(kind)
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or is_moment


def _differ_mostly(column: Any) -> bool:
    return column.num_chunks > 0 and 2 * len(column.chunk(0).dictionary) > len(column)


def _cell_by_cell(text: Column) -> Column:
    return text if pa.types.is_string(text.type) else text.cast(pa.string())


def _encoded(text: Column) -> Column:
    return text if pa.types.is_dictionary(text.type) else text.dictionary_encode()


def with_reading(schema: pa.Schema, reading: dict[str, Any]) -> pa.Schema:
    """The schema of a table that remembers how its text was read (`IngestOptions.reading`)."""
    return schema.with_metadata({_READING: json.dumps(reading).encode()})


def reading_of(schema: pa.Schema) -> dict[str, Any]:
    """How the text of a table was read, as `with_reading` was told; nothing for other tables."""
    reading: dict[str, Any] = json.loads((schema.metadata or {}).get(_READING, b"{}"))
    return reading


def stored_reading(data: bytes | pa.Buffer) -> dict[str, Any]:
    """How the text of a stored table was read, without reading the table."""
    return reading_of(pq.ParquetFile(pa.BufferReader(data)).schema_arrow)


def open_stored(data: bytes | pa.Buffer) -> pq.ParquetFile:
    """A stored table whose columns of text are read as dictionaries."""
    file = pq.ParquetFile(pa.BufferReader(data))
    texts = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
    return pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts, metadata=file.metadata)


def mapped(file: BufferedRandom) -> pa.Buffer:
    """The content of a file, which may be closed: memory is only lent its pages."""
    file.flush()
    return pa.py_buffer(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))


def read_table(data: bytes | pa.Buffer) -> pa.Table:
    """The whole table, each column in one chunk."""
    # Not by pq.read_table, which loads the dataset machinery: 13 MB in every process.
    table = open_stored(data).read(use_threads=False)
    return table.unify_dictionaries().combine_chunks()


def map_table(data: bytes | pa.Buffer, file: BufferedRandom) -> pa.Table:
    """The whole table, unpacked into this file and mapped from it.

    The file may be closed, and may have no name: the table keeps it. OSError where it has no room.
    """
    stored = open_stored(data)
    # The streaming form: the other one wants one dictionary for all pieces.
    with pa.ipc.new_stream(file, stored.schema_arrow) as writer:
        for group in range(stored.num_row_groups):
            writer.write_table(stored.read_row_group(group, use_threads=False))
            release_memory()
    with pa.ipc.open_stream(pa.BufferReader(mapped(file))) as reader:
        return reader.read_all().unify_dictionaries()


def bytes_in_memory(data: bytes | pa.Buffer) -> int:
    """About how much memory the table takes where it is read as a whole."""
    metadata = pq.ParquetFile(pa.BufferReader(data)).metadata
    return metadata.num_rows * metadata.num_columns * _CELL_BYTES


def use_system_memory() -> None:
    """Let tables take their memory from the C library, for the rest of this process.

    Arrow's own allocator clears whole huge pages before their first use: reading 25 MB took 230 ms
    of a fresh process instead of 30, and what it once had it kept.
    """
    pa.set_memory_pool(pa.system_memory_pool())


def release_memory() -> None:
    """Give back what tables took that are no more: left to itself, the allocator keeps it."""
    pa.default_memory_pool().release_unused()


def preview(data: bytes, offset: int, limit: int) -> list[dict[str, Any]]:
    """`limit` rows from `offset` (from 0), as JSON can hold them; fewer at the end of the table.

    Reads only the row groups that hold these rows. Moments are written as RFC 3339 in UTC.
    """
    file = pq.ParquetFile(pa.BufferReader(data))
    groups, first = _row_groups(file.metadata, offset, limit)
    table = file.read_row_groups(groups, use_threads=False).slice(offset - first, limit)
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]


def _row_groups(metadata: pq.FileMetaData, offset: int, limit: int) -> tuple[list[int], int]:
    """The row groups that hold the rows, and the number of the first row of the first of them."""
    groups: list[int] = []
    first = start = 0
    for group in range(metadata.num_row_groups):
        end = start + metadata.row_group(group).num_rows
        if end > offset and start < offset + limit:
            first = first if groups else start
            groups.append(group)
        start = end
    return groups, first


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _rfc3339(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _rfc3339(moment: datetime) -> str:
    precision = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.replace(tzinfo=UTC).isoformat(timespec=precision).replace("+00:00", "Z")
