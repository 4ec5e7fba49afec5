"""How one column becomes numbers: learned from its training rows, and kept as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from workers.tabular.curves import Curve
from workers.tabular.encoders.levels import (
    ENCODING,
    MAX_LEVELS,
    MISSING,
    UNSEEN,
    CategoricalEncoder,
    LevelEncoder,
)
from workers.tabular.encoders.numeric import NumericEncoder, NumericType, moments

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MAX_LEVELS",
    "MISSING",
    "UNSEEN",
    "CategoricalEncoder",
    "CodedEncoder",
    "Encoder",
    "FeatureType",
    "LevelEncoder",
    "NumericEncoder",
    "NumericType",
    "encoder_from_plain",
    "moments",
]

FeatureType = Literal["numeric", "boolean", "datetime", "categorical"]

CodedEncoder = CategoricalEncoder | LevelEncoder
"""Those that read a code per cell; the other reads a number."""
Encoder = NumericEncoder | CodedEncoder


def encoder_from_plain(plain: Mapping[str, Any]) -> Encoder:
    """The encoder that `to_plain` wrote; KeyError or TypeError for anything else."""
    if plain.get("encoding") == ENCODING:
        fields = {name: value for name, value in plain.items() if name != "encoding"}
        lists = {"levels": tuple(plain["levels"]), "rare": tuple(plain.get("rare", ()))}
        return LevelEncoder(**{**fields, **lists})
    if plain["type"] == "categorical":
        lists = {name: tuple(plain[name]) for name in ("levels", "rare")}
        return CategoricalEncoder(**{**plain, **lists})
    curve = plain.get("curve")
    return NumericEncoder(**{**plain, "curve": Curve.from_plain(curve) if curve else Curve()})
