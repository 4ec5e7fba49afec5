"""The strict reader: two readers, one verdict."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import strict_json
from service.errors import InvalidRequestError
from service.settings import Limits

LIMITS = Limits.model_validate({})

# Everything the contract can hold: 64-bit integers, finite floats, text without NUL or surrogates.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=30,
)
# Pieces that, put together, are sometimes JSON and often nearly.
PIECES = st.lists(
    st.sampled_from(
        [
            "{", "}", "[", "]", ":", ",", '"', '"a"', '"b:c"', '"\\u0000"', '"\\ud800"', "1", "-0",
            "1e400", "1.5", "NaN", "-Infinity", "true", "null", " ", "\\", "\u00e9", "01", "2e1",
            "9223372036854775808", "-9223372036854775809", '"a":1', "//",
        ]
    ),
    max_size=12,
)  # fmt: skip


def _verdict(reader: Any, body: bytes) -> Any:
    try:
        return reader(body, LIMITS)
    except InvalidRequestError as error:
        return [(problem.pointer, problem.code) for problem in error.problems]


@given(VALUES)
def test_what_is_json_is_read_as_it_is(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        found = strict_json.read(text.encode(), LIMITS)
        # By their text: 1 and 1.0 and true are equal to Python, and not to us.
        assert json.dumps(found) == json.dumps(value)


@given(PIECES)
def test_the_quick_reader_never_takes_what_the_exact_one_refuses(pieces: list[str]) -> None:
    body = "".join(pieces).encode()
    exact = _verdict(strict_json._read_exactly, body)
    assert json.dumps(_verdict(strict_json.read, body)) == json.dumps(exact)


@given(st.binary(max_size=40))
def test_any_bytes_get_a_verdict(body: bytes) -> None:
    exact = _verdict(strict_json._read_exactly, body)
    assert json.dumps(_verdict(strict_json.read, body)) == json.dumps(exact)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": {"b/c": [0, "\\u0000"]}}', ("/a/b~1c/1", "nul_character")),
        ('{"a~b": 9223372036854775808}', ("/a~0b", "out_of_range")),
        ("[[18446744073709551616]]", ("/0/0", "out_of_range")),
    ],
)
def test_a_value_that_cannot_be_used_is_pointed_at(text: str, place: tuple[str, str]) -> None:
    assert _verdict(strict_json.read, text.encode()) == [place]


def test_at_most_twenty_problems_are_told() -> None:
    body = json.dumps(["\0"] * 1000).encode()
    assert len(_verdict(strict_json.read, body)) == 20


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 4_000_000,
        b'"' + b'\\"' * 4_000_000,
        b'{"a":' * 1_600_000,
        b'["\\u0000",' * 800_000,
        b"9" * 8_000_000,
        b'{"a":1,' * 1_000_000,
    ],
    ids=["brackets", "quote without end", "objects", "NULs", "digits", "keys"],
)
def test_no_body_takes_long_to_refuse(body: bytes) -> None:
    started_s = time.process_time()
    with pytest.raises(InvalidRequestError):
        strict_json.read(body, LIMITS)
    assert time.process_time() - started_s < 2.0
