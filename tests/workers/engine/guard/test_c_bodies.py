"""Bodies are read strictly: what could mean something else on a GPU is not read at all."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workers.engine.guard.c_bodies import Body

FLOAT = np.dtype(np.float32)

REFUSED = {
    "a number in double precision": "y = x * 0.5;",
    "a number in double precision, with an exponent": "y = x * 1e3;",
    "an unknown name": "y = x * scale;",
    "an unknown function": "y = sin(x);",
    "nothing written": "const T a = x;",
    "an input read after an output was written": "y = T(1); z = x;",
    "an input overwritten": "x = T(1); y = x; z = x;",
    "an undeclared name": "a = x; y = a; z = a;",
    "a name declared twice": "const T a = x; const T a = x; y = a; z = a;",
    "a parameter declared again": "const T x = T(1); y = x; z = x;",
    "a loop": "for (int k = 0; k < 3; ++k) { y = x; }",
    "a pointer": "y = *x; z = x;",
    "a cast of more than a constant": "const T a = T(x); y = a; z = a;",
    "a missing semicolon": "y = x",
    "an open parenthesis": "y = (x; z = x;",
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_body_is_refused_for(why: str) -> None:
    with pytest.raises((SyntaxError, KeyError, IndexError)):
        Body(REFUSED[why], ("x",), ("y", "z"))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x + T(2) * x", 9.0),
        ("x - T(2) - T(1)", 0.0),
        ("-x * x", -9.0),
        ("x < T(0) ? T(1) : x > T(2) ? T(5) : T(7)", 5.0),
        ("x == T(3) && x != T(4) ? T(1) : T(0)", 1.0),
        ("pow(x, T(2)) / (x + T(-1))", 4.5),
        ("T(1) + T(1e-08) > T(1) ? T(1) : T(0)", 0.0),
    ],
)
def test_operators_bind_as_in_c(expression: str, expected: float) -> None:
    found = Body(f"y = {expression};", ("x",), ("y",)).run(
        {"x": np.float32(3), "y": np.zeros((), FLOAT)}, FLOAT
    )
    assert float(found["y"]) == expected
    assert np.asarray(found["y"]).dtype == FLOAT


def test_words_of_32_bits_wrap_and_multiply_to_64() -> None:
    body = Body("const unsigned int low = a * 0xffffffffu; y = __umulhi(a, low);", ("a",), ("y",))
    found = body.run({"a": np.array([3], np.uint32), "y": np.zeros(1, np.uint32)}, FLOAT)
    low = 3 * 0xFFFFFFFF % 2**32
    assert int(found["low"][0]) == low
    assert int(found["y"][0]) == 3 * low >> 32
