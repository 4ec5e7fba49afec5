"""What can be wrong with a table.

TableError
    code      what is wrong, as a stable name for programs
    row       the data row it was found in, counted from 1 without the header
    line      the line of the file, counted from 1, where that is known better than the row
    column    the name of the column
    limit     the limit that was passed

The codes, by where they come from:
    the file as a whole   content_sniff, pickle_forbidden, encoding, nul_character, dataset_empty,
                          dataset_unreadable, parquet_invalid, npy_invalid, npy_size_mismatch,
                          json_syntax, json_not_rows
    its shape             ragged_row, csv_line_too_long, csv_field_too_long, csv_unclosed_quote,
                          json_row_too_long, too_many_rows, too_many_columns, too_many_cells
    its header            duplicate_column, empty_column_name, column_name_too_long
    its cells             bad_number, bad_boolean, bad_datetime, mixed_types, nested_value,
                          field_too_long, column_type, dtype_unsupported, out_of_range,
                          json_duplicate_key, json_nonfinite, json_invalid_unicode
    the wishes about it   parse_option, schema_option, unknown_column
"""

from __future__ import annotations

from typing import Any


class TableError(Exception):
    """A table that cannot be taken as it is; the detail never repeats a cell of it."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        row: int | None = None,
        line: int | None = None,
        column: str | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.row = row
        self.line = line
        self.column = column
        self.limit = limit

    def to_plain(self) -> dict[str, Any]:
        """The error as the ingest child prints it."""
        return {
            "code": self.code,
            "detail": self.detail,
            "row": self.row,
            "line": self.line,
            "column": self.column,
            "limit": self.limit,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> TableError:
        """The error that `to_plain` wrote."""
        return cls(
            plain["code"],
            plain["detail"],
            row=plain.get("row"),
            line=plain.get("line"),
            column=plain.get("column"),
            limit=plain.get("limit"),
        )
