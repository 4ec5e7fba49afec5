"""The initialisers of weights by name, each with its distribution."""

from __future__ import annotations

from typing import Literal

from workers.engine.spec.base import Formula

Initializer = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
    "zeros",
    "constant",
]

INITIALIZERS: dict[Initializer, Formula] = {
    "glorot_uniform": Formula("U(-b, b), b = sqrt(6 / (I + O))", None, "Glorot and Bengio 2010"),
    "glorot_normal": Formula("N(0, 2 / (I + O))", None, "Glorot and Bengio 2010"),
    "he_uniform": Formula("U(-b, b), b = sqrt(6 / I)", None, "He et al. 2015"),
    "he_normal": Formula("N(0, 2 / I)", None, "He et al. 2015"),
    "lecun_uniform": Formula("U(-b, b), b = sqrt(3 / I)", None, "LeCun et al. 1998"),
    "lecun_normal": Formula("N(0, 1 / I)", None, "LeCun et al. 1998"),
    "orthogonal": Formula(
        "W^T W = 1 (or W W^T = 1 where I < O): the Q of a normal matrix, signs of R's diagonal",
        None,
        "Saxe et al. 2014",
    ),
    "zeros": Formula("W = 0", None, "a layer that starts by saying nothing"),
    "constant": Formula("W = initial_value", None, "for lessons: every weight starts alike"),
}
"""Everything an initialiser may be called; I inputs, O units; the second number is a variance."""
