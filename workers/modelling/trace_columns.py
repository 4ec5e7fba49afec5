"""Every input and target of a network with the formula by which it comes from the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.modelling.plan import names_of
from workers.modelling.targets import ClassTarget
from workers.tabular.encoders import CategoricalEncoder, LevelEncoder, NumericEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.modelling.plan import TargetNames
    from workers.modelling.targets import TargetEncoding
    from workers.tabular.encoders import Encoder
    from workers.tabular.preprocessing import Preprocessing

Named = dict[str, str]

_SHOWN_LEVELS = 20


def input_columns(preprocessing: Preprocessing) -> list[Named]:
    """The inputs in their order."""
    formulas = [line for encoder in preprocessing.encoders for line in _formulas(encoder)]
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
            yield f"{_scaled(name, encoder.center, encoder.scale)}; {encoder.fill:.6g} if missing"
            if encoder.indicator:
                yield f"1 if {name} is missing, else 0"
        case CategoricalEncoder():
            yield from (f"1 if {name} is {level!r}, else 0" for level in encoder.levels)
            if encoder.rare:
                yield f"1 if {name} is a rare or an unseen level, else 0"
            if encoder.has_missing:
                yield f"1 if {name} is missing, else 0"
        case LevelEncoder():
            yield f"{_numbered(encoder.levels, 1)}; 0 if missing or unseen"


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
