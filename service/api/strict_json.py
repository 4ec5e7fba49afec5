"""The one JSON reader of the service: refuses what other readers let through silently.

Two readers with one verdict. The quick one (orjson) takes what is beyond doubt; whatever looks
unusual goes to the exact one, which finds the reason and where it stands. Refused are: duplicate
keys (the last would win unseen), NaN, Infinity and numbers that overflow to them, lone surrogates,
NUL, a byte order mark, other encodings than UTF-8, deep nesting, and integers beyond 64 bits.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from service.errors import MAX_PROBLEMS, InvalidRequestError, MalformedBodyError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.settings import Limits

MAX_DIGITS = 4300
MAX_POINTER = 200
_MAX_INT = 2**63 - 1
_MIN_INT = -(2**63)
_DOUBT = 2.0**63

# A string without an end runs to the end of the body: trying again from each of its quotes would
# make the scan quadratic.
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Doubtful(Exception):  # noqa: N818 - a signal between the two readers, never an error
    """The quick reader cannot vouch for this body."""


def read(body: bytes, limits: Limits) -> Any:
    """Return the value of a body.

    Raises:
        MalformedBodyError: not JSON of the strict kind (400).
        InvalidRequestError: JSON, but with a value that can never be used (422).
    """
    try:
        return _read_quickly(body, limits)
    except (_Doubtful, orjson.JSONDecodeError):
        return _read_exactly(body, limits)


def _read_quickly(body: bytes, limits: Limits) -> Any:
    if b"\\u0000" in body:
        raise _Doubtful
    value = orjson.loads(body)
    # Four bytes a character at most: a string this short is within the limit whatever it holds.
    n_keys = _count_keys((value,), limits, limits.json_depth, limits.json_string_bytes // 4)
    # Every key is followed by one colon, and a duplicate is lost from the value but not from the
    # text: equal counts prove that there is none. Colons inside strings only raise the doubt.
    if n_keys != body.count(b":"):
        raise _Doubtful
    return value


def _count_keys(items: Iterable[Any], limits: Limits, depth: int, max_chars: int) -> int:
    n_keys = 0
    for item in items:
        kind = type(item)
        if kind is float or kind is int:
            # orjson turns integers beyond 64 bits into floats.
            if not -_DOUBT < item < _DOUBT:
                raise _Doubtful
        elif kind is str:
            if len(item) > max_chars:
                raise _Doubtful
        elif kind is list or kind is dict:
            n_keys += _count_inside(item, limits, depth, max_chars)
    return n_keys


def _count_inside(
    container: list[Any] | dict[str, Any], limits: Limits, depth: int, max_chars: int
) -> int:
    if depth <= 0:
        raise _Doubtful
    if type(container) is list:
        return _count_keys(container, limits, depth - 1, max_chars)
    if len(container) > limits.json_keys or any(len(key) > max_chars for key in container):
        raise _Doubtful
    values = container.values()  # type: ignore[union-attr]  # a dict: the list has returned
    return len(container) + _count_keys(values, limits, depth - 1, max_chars)


def _read_exactly(body: bytes, limits: Limits) -> Any:
    text = _decode(body)
    if not text.strip(" \t\r\n"):
        raise InvalidRequestError([Problem("", "object_expected", "The body is empty.")])
    _check_depth(body, limits.json_depth)
    try:
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _object(pairs, limits),
            parse_float=_finite,
            parse_int=_integer,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        _malformed("json_syntax", f"The body is not JSON: see character {error.pos}.")
    problems: list[Problem] = []
    _check_values(value, "", limits, problems)
    if problems:
        if problems[0].code == "json_invalid_unicode":
            raise MalformedBodyError(problems)
        raise InvalidRequestError(problems)
    return value


def _decode(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf") or json.detect_encoding(body) != "utf-8":
        _malformed("json_invalid_encoding", "Send UTF-8 without a byte order mark.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        _malformed("json_invalid_encoding", f"Byte {error.start} is not UTF-8.")


def _check_depth(body: bytes, limit: int) -> None:
    """Bound the nesting before a recursive reader sees the body."""
    depth = 0
    for token in _STRUCTURE.finditer(body):
        first = token[0][:1]
        if first in b"[{":
            depth += 1
            if depth > limit:
                problem = Problem("", "json_too_deep", "The body is nested too deeply.", limit)
                raise MalformedBodyError([problem])
        elif first in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]], limits: Limits) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        _malformed("json_duplicate_key", "An object has the same key twice.")
    if len(value) > limits.json_keys:
        problem = Problem(
            "", "json_too_many_keys", "An object has too many keys.", limits.json_keys
        )
        raise MalformedBodyError([problem])
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        _malformed("json_nonfinite", "A number is too large for a 64-bit float.")
    return number


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        _malformed("json_number_too_long", f"A number has more than {MAX_DIGITS} digits.")
    return int(digits)


def _refuse_constant(_: str) -> NoReturn:
    _malformed("json_nonfinite", "NaN and Infinity are not JSON; send null.")


def _check_values(value: Any, pointer: str, limits: Limits, problems: list[Problem]) -> None:
    if len(problems) >= MAX_PROBLEMS:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, pointer, limits, problems)
            _check_values(item, join_pointer(pointer, key), limits, problems)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_values(item, f"{pointer}/{index}", limits, problems)
    elif isinstance(value, str):
        _check_text(value, pointer, limits, problems)
    elif isinstance(value, int) and not _MIN_INT <= value <= _MAX_INT:
        detail = "An integer must fit 64 bits."
        problems.append(Problem(pointer, "out_of_range", detail, _MAX_INT))


def _check_text(text: str, pointer: str, limits: Limits, problems: list[Problem]) -> None:
    if _SURROGATE.search(text):
        detail = "A string has half of a surrogate pair."
        problems.insert(0, Problem(pointer, "json_invalid_unicode", detail))
        return
    if "\0" in text:
        problems.append(Problem(pointer, "nul_character", "A string has a NUL character."))
    if len(text) * 4 > limits.json_string_bytes:
        n_bytes = len(text.encode())
        if n_bytes > limits.json_string_bytes:
            limit = limits.json_string_bytes
            problems.append(Problem(pointer, "too_long", "A string is too long, in bytes.", limit))


def join_pointer(pointer: str, key: str) -> str:
    """Append a key to a JSON pointer (RFC 6901); a long or unprintable one is not echoed."""
    if len(pointer) + len(key) > MAX_POINTER or not key.isprintable():
        return pointer
    return f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"


def _malformed(code: str, detail: str) -> NoReturn:
    raise MalformedBodyError([Problem("", code, detail)])
