"""Every input and target of a network with the formula by which it comes from the data."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from workers.modelling.plan import names_of
from workers.modelling.targets import ClassTarget
from workers.tabular.encoders import CategoricalEncoder, LevelEncoder, NumericEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.modelling.plan import TargetNames
    from workers.modelling.targets import TargetEncoding
    from workers.tabular.differences import Difference
    from workers.tabular.encoders import Encoder
    from workers.tabular.preprocessing import Preprocessing

Named = dict[str, str]

_SHOWN_LEVELS = 20


def input_columns(preprocessing: Preprocessing) -> list[Named]:
    """The inputs in their order."""
    formulas = [line for encoder in preprocessing.encoders for line in _formulas(encoder)]
    formulas += [_of_difference(difference) for difference in preprocessing.differences]
    return [
        {"name": name, "formula": formula}
        for name, formula in zip(preprocessing.outputs, formulas, strict=True)
    ]


def target_columns(names: TargetNames, target: TargetEncoding) -> list[Named]:
    """What the network learns: numbers as they are scaled, classes by their place."""
    columns = names_of(names)
    if isinstance(target, ClassTarget):
        return [{"name": columns[0], "formula": _numbered(target.labels, 0)}]
    return [
        {"name": name, "formula": _scaled(name, center, scale)}
        for name, center, scale in zip(columns, target.centers, target.scales, strict=True)
    ]


def _formulas(encoder: Encoder) -> Iterator[str]:
    name = encoder.name
    match encoder:
        case NumericEncoder():
            yield f"{_value(encoder)}; {encoder.fill:.6g} if missing"
            if encoder.indicator:
                yield f"1 if {name} is missing, else 0"
            yield from _beside(encoder)
        case CategoricalEncoder():
            yield from (f"1 if {name} is {level!r}, else 0" for level in encoder.levels)
            if encoder.rare:
                yield f"1 if {name} is a rare or an unseen level, else 0"
            if encoder.has_missing:
                yield f"1 if {name} is missing, else 0"
        case LevelEncoder():
            yield f"{_numbered(encoder.levels, 1)}; 0 if missing or unseen"


def _value(encoder: NumericEncoder) -> str:
    curve = encoder.curve
    if curve.references:
        count = len(curve.references)
        said = f"normal value of the rank of {encoder.name} among {count} quantiles"
    else:
        said = _scaled(encoder.name, encoder.center, encoder.scale)
    return f"z / sqrt(1 + (z / 3)^2) with z = {said}" if curve.clip else said


def _beside(encoder: NumericEncoder) -> Iterator[str]:
    name = encoder.name
    for left, right in pairwise(encoder.curve.edges):
        yield f"({name} - {left:.6g}) / ({right:.6g} - {left:.6g}), within 0 and 1"
    for part in encoder.curve.parts:
        said = part.part.replace("_", " ")
        if part.cyclic:
            yield f"sine of the {said} of {name} on a circle; 0 if missing"
            yield f"cosine of the {said} of {name} on a circle; 0 if missing"
        else:
            yield f"{_scaled(f'{said} of {name}', part.center, part.scale)}; 0 if missing"


def _of_difference(difference: Difference) -> str:
    days = f"days from {difference.second} to {difference.first}"
    return f"{_scaled(days, difference.center, difference.scale)}; 0 if missing"


def _scaled(name: str, center: float, scale: float) -> str:
    if not scale:
        return f"0, because {name} did not vary in the rows that train"
    if (center, scale) == (0.0, 1.0):
        return name
    return f"({name} - {center:.6g}) / {scale:.6g}"


def _numbered(levels: tuple[str, ...], first: int) -> str:
    shown = [f"{first + place} for {level!r}" for place, level in enumerate(levels)]
    more = len(shown) - _SHOWN_LEVELS
    return ", ".join(shown[:_SHOWN_LEVELS]) + (f" and {more} more" if more > 0 else "")
