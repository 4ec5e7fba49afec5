"""Receiving a multipart upload: the file to disk and its digest while it comes, never in memory."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

import orjson
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from service.api import strict_json
from service.api.bodies import check_media_type, fingerprint, validated
from service.errors import (
    InvalidRequestError,
    MalformedBodyError,
    MalformedParameterError,
    Problem,
    TooLargeError,
)
from service.schemas.datasets import DatasetOptions
from service.usecases.parsing import UploadedFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from service.settings import Limits

MAX_PARTS = 8
MAX_TEXT_BYTES = 2**20
_FIELDS = frozenset(("name", "schema", "parse"))
_MEDIA_TYPE = "multipart/form-data"
# Large enough that the way to another thread and back costs nothing beside the writing.
_BATCH_BYTES = 2**20
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Upload:
    """A form that has arrived: its file, its options, and what tells it from another."""

    file: UploadedFile
    name: str
    options: DatasetOptions
    fingerprint: str


def clean_uploads(folder: Path, limits: Limits) -> Path:
    """Make the folder of uploads, and remove what a killed process left in it; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    # Longer than any upload of another process of ours, which may be under way.
    oldest_s = time.time() - limits.upload_receipt_seconds - 10 * limits.parser_cpu_seconds
    for place in folder.iterdir():
        if place.stat().st_mtime < oldest_s:
            shutil.rmtree(place, ignore_errors=True)
    return folder


@asynccontextmanager
async def receive_upload(request: Request, folder: Path, limits: Limits) -> AsyncIterator[Upload]:
    """Receive the form into a folder of its own under `folder`, which goes with the block.

    Raises:
        MalformedBodyError: no form, or one that is cut off.
        TooLargeError: the file, or a field, is over its limit.
        InvalidRequestError: a field is missing, unknown, twice there, or cannot be used.
    """
    check_media_type(request.headers, (_MEDIA_TYPE,))
    boundary = parse_options_header(request.headers["content-type"])[1].get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:
        problem = Problem("/header/Content-Type", "multipart_boundary", "Name the form's boundary.")
        raise MalformedParameterError([problem])
    with TemporaryDirectory(dir=folder) as place:
        form = _Form(boundary, Path(place) / "upload", limits)
        try:
            await _feed(request, form)
            yield await run_in_threadpool(form.finished, request.url.path, limits)
        finally:
            form.close()


async def _feed(request: Request, form: _Form) -> None:
    batch = bytearray()
    async for chunk in request.stream():
        batch += chunk
        if len(batch) >= _BATCH_BYTES:
            await run_in_threadpool(form.feed, bytes(batch))
            batch.clear()
    await run_in_threadpool(form.feed, bytes(batch))


class _Form:
    """A form as its parser reports it, piece by piece."""

    def __init__(self, boundary: bytes, path: Path, limits: Limits) -> None:
        self._path = path
        self._max_file_bytes = limits.upload_bytes
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header_name,
                "on_header_value": self._add_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_part,
                "on_part_data": self._add_data,
                "on_end": self._end,
            },
        )
        self._n_parts = 0
        self._header = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._field: str | None = None
        self._texts: dict[str, bytearray] = {}
        self._file: IO[bytes] | None = None
        self._filename = ""
        self._digest = hashlib.sha256()
        self._n_bytes = 0
        self._is_whole = False

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise _malformed() from None

    def finished(self, path: str, limits: Limits) -> Upload:
        """Return the form once its body has ended."""
        if not self._is_whole:
            raise _malformed()
        if self._file is None:
            raise InvalidRequestError([Problem("/file", "missing", "This part is required.")])
        self._file.close()
        options = _options(self._texts, limits)
        sha256 = self._digest.hexdigest()
        texts = (bytes(self._texts.get(name, b"")) for name in sorted(_FIELDS))
        return Upload(
            file=UploadedFile(self._path, sha256, self._n_bytes),
            name=options.name or _label(self._filename),
            options=options,
            fingerprint=fingerprint(path, sha256.encode(), *texts),
        )

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _begin_part(self) -> None:
        self._n_parts += 1
        if self._n_parts > MAX_PARTS:
            problem = Problem("", "too_many_parts", "The form has too many parts.", MAX_PARTS)
            raise InvalidRequestError([problem])
        self._headers = {}

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name == "file":
            self._open_file(options.get(b"filename", b"").decode("utf-8", "replace"))
        elif name not in _FIELDS:
            pointer = strict_json.join_pointer("", name)
            raise InvalidRequestError([Problem(pointer, "extra_forbidden", "No such part.")])
        elif name in self._texts:
            raise _twice(name)
        else:
            self._texts[name] = bytearray()
        self._field = name

    def _open_file(self, filename: str) -> None:
        if self._file is not None:
            raise _twice("file")
        self._filename = filename
        self._file = self._path.open("wb")

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._field == "file" and self._file is not None:
            self._n_bytes += len(piece)
            if self._n_bytes > self._max_file_bytes:
                raise _too_large("/file", self._max_file_bytes)
            self._digest.update(piece)
            self._file.write(piece)
        elif self._field is not None:
            text = self._texts[self._field]
            text += piece
            if len(text) > MAX_TEXT_BYTES:
                raise _too_large(f"/{self._field}", MAX_TEXT_BYTES)

    def _end(self) -> None:
        self._is_whole = True


def _options(texts: dict[str, bytearray], limits: Limits) -> DatasetOptions:
    raw: dict[str, Any] = {}
    for field, text in texts.items():
        if not text.strip():
            # A form on a page sends what was left out as an empty part.
            continue
        raw[field] = _text(bytes(text)) if field == "name" else _json(field, bytes(text), limits)
    # Once more as a whole: the strict reader then speaks of the form's own fields.
    return validated(DatasetOptions, strict_json.read(orjson.dumps(raw), limits))


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        problem = Problem("/name", "json_invalid_encoding", "Send UTF-8.")
        raise MalformedBodyError([problem]) from None


def _json(field: str, data: bytes, limits: Limits) -> Any:
    try:
        return strict_json.read(data, limits)
    except InvalidRequestError as error:
        problems = [
            Problem(f"/{field}{found.pointer}", found.code, found.detail, found.limit)
            for found in error.problems
        ]
        raise type(error)(problems) from None


def _label(filename: str) -> str:
    """Return a name for people; it never becomes a path."""
    last = re.split(r"[/\\]", filename)[-1]
    return _UNSPEAKABLE.sub("", last).strip()[:200] or "dataset"


def _malformed() -> MalformedBodyError:
    problem = Problem("", "multipart_invalid", "The form is not multipart/form-data, or cut off.")
    return MalformedBodyError([problem])


def _twice(name: str) -> InvalidRequestError:
    return InvalidRequestError([Problem(f"/{name}", "duplicate_part", "Send this part once.")])


def _too_large(pointer: str, limit: int) -> TooLargeError:
    return TooLargeError([Problem(pointer, "body_too_large", "This part is too large.", limit)])
