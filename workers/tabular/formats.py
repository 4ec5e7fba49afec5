"""In which format a table is written, found from its first bytes: names and media types may lie."""

from __future__ import annotations

import re
from typing import Literal

from workers.tabular.errors import TableError

DatasetFormat = Literal["csv", "tsv", "json", "ndjson", "parquet", "npy"]

HEAD_BYTES = 4096

# How files begin that hold no table which is read here, whatever they are called.
_OTHER_CONTENT = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive, an NPZ file or an Excel workbook",
    b"PK\x05\x06": "a zip archive",
    b"%PDF": "PDF",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"\xd0\xcf\x11\xe0": "an Office document",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7-Zip",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"\x89HDF": "HDF5",
    b"SQLite format 3\0": "SQLite",
    b"ARROW1": "Arrow",
}
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
# PARE: its footer is encrypted, which its reader says.
_MAGIC: dict[bytes, DatasetFormat] = {b"PAR1": "parquet", b"PARE": "parquet", b"\x93NUMPY": "npy"}
_BLANK = rb"(\xef\xbb\xbf)?\s*"
_ROWS = re.compile(_BLANK + rb'(\[\s*[\[{"\d\]-]|\{\s*"rows"\s*:\s*\[)')
_OBJECT = re.compile(_BLANK + rb'\{\s*["}]')


def find_format(head: bytes, wished: DatasetFormat | None = None) -> DatasetFormat:
    """The format of the file that begins with `head`; text that is no JSON is "csv".

    Raises:
        TableError: pickle_forbidden, content_sniff for what is no table, or not the wished one.
    """
    check_is_table(head)
    found = _binary_format(head) or _text_format(head)
    if wished is None:
        return found
    # Text may be meant as any of the text formats; their readers say what does not fit.
    if found != wished and {found, wished} & {"parquet", "npy"}:
        raise TableError("content_sniff", f"the file is {found}, not {wished}")
    return wished


def check_is_table(head: bytes) -> None:
    """Refuse what holds no table that is read here.

    Raises:
        TableError: pickle_forbidden, content_sniff.
    """
    if _PICKLE.match(head):
        raise TableError("pickle_forbidden", "the file is a Python pickle, which is never read")
    for magic, name in _OTHER_CONTENT.items():
        if head.startswith(magic):
            raise TableError("content_sniff", f"the file is {name}, not a table")


def _binary_format(head: bytes) -> DatasetFormat | None:
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def _text_format(head: bytes) -> DatasetFormat:
    if _ROWS.match(head):
        return "json"
    return "ndjson" if _OBJECT.match(head) else "csv"
