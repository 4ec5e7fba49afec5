"""The bytes of a CSV file as UTF-8, from its beginning, as often as they are needed."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from workers.tabular.errors import TableError

_HEAD_BYTES = 4096

# How the formats begin that are often sent with the name of a CSV file.
_OTHER_CONTENT = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
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
}
_FORMATS_TO_COME = {b"PAR1": "Parquet", b"\x93NUMPY": "NPY", b"ARROW1": "Arrow"}
_JSON = re.compile(rb'(\xef\xbb\xbf)?\s*(\[\s*[\[{"\d\]-]|\{\s*["}])')

_UTF16_OR_32_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class ByteStream(Protocol):
    """What reading needs of an open file, and all that a recoded one offers."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""

    def close(self) -> None:
        """Give the file back."""


@dataclass(frozen=True)
class CsvSource:
    """A file that can be opened again and again; `codec` None is UTF-8."""

    open_bytes: Callable[[], BinaryIO]
    codec: str | None = None

    def open(self) -> ByteStream:
        """The file in UTF-8 from its first byte; a byte-order mark of UTF-8 is still in it."""
        stream = self.open_bytes()
        if self.codec in (None, "utf-8", "utf-8-sig"):
            return stream
        return _Recoded(stream, self.codec or "utf-8")

    def check_content(self) -> None:
        """Refuse what is no CSV file by its first bytes.

        Raises:
            TableError: content_sniff for an archive, a document or a program, not_built for the
                table formats that are not read yet, encoding for UTF-16 and UTF-32 unannounced.
        """
        with self.open_bytes() as stream:
            head = stream.read(_HEAD_BYTES)
        for magic, name in _OTHER_CONTENT.items():
            if head.startswith(magic):
                raise TableError("content_sniff", f"the file is {name}, not CSV")
        for magic, name in _FORMATS_TO_COME.items():
            if head.startswith(magic):
                raise TableError("not_built", f"the file is {name}: only CSV is read so far")
        if _JSON.match(head):
            raise TableError("not_built", "the file is JSON: only CSV is read so far")
        if self.codec is None:
            _check_unicode_width(head)


def _check_unicode_width(head: bytes) -> None:
    # In UTF-16 about every second byte of a table in a Western language is zero.
    if head.startswith(_UTF16_OR_32_MARKS) or head.count(0) * 4 > len(head):
        raise TableError(
            "encoding", "the file looks like UTF-16: say so with parse.encoding, or send UTF-8"
        )


class _Recoded:
    """A stream in another encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        self._stream = stream
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)()

    def read(self, size: int, /) -> bytes:
        while True:
            raw = self._stream.read(size)
            try:
                text = self._decoder.decode(raw, final=not raw).encode()
            except UnicodeError:
                raise TableError("encoding", f"the file is not {self._codec}") from None
            # A short read may end inside a character and yield none: only the end is empty.
            if text or not raw:
                return text

    def close(self) -> None:
        self._stream.close()
