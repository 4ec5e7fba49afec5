"""The bytes of a CSV file as UTF-8, from its beginning, as often as they are needed."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from workers.tabular.errors import TableError
from workers.tabular.formats import HEAD_BYTES, DatasetFormat, find_format

_UTF16_OR_32_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class ByteStream(Protocol):
    """What reading needs of an open file, and all that a recoded one offers."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""

    def close(self) -> None:
        """Give the file back."""


@dataclass(frozen=True)
class CsvSource:
    """A file that can be opened again and again; `codec` None is UTF-8.

    `format` is what its owner says that it is; None leaves it to its first bytes.
    """

    open_bytes: Callable[[], BinaryIO]
    codec: str | None = None
    format: DatasetFormat | None = None

    def open(self) -> ByteStream:
        """The file in UTF-8 from its first byte; a byte-order mark of UTF-8 is still in it."""
        stream = self.open_bytes()
        if self.codec in (None, "utf-8", "utf-8-sig"):
            return stream
        return _Recoded(stream, self.codec or "utf-8")

    def check_content(self) -> None:
        """Refuse what is no CSV file by its first bytes.

        Raises:
            TableError: content_sniff for an archive, a document, a program or a table in another
                format, pickle_forbidden, encoding for UTF-16 and UTF-32 unannounced.
        """
        with self.open_bytes() as stream:
            head = stream.read(HEAD_BYTES)
        found = find_format(head, self.format)
        if found not in ("csv", "tsv"):
            raise TableError("content_sniff", f"the file is {found}, not CSV")
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
