"""How columns are to become inputs: every field and range, declared once.

Plain frozen dataclasses that pydantic validates requests by, as the engine's specification is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from annotated_types import Interval, Len

_STRICT = {"extra": "forbid", "strict": True}

Scaling = Literal["standard", "robust", "quantile", "none"]
NumberEncoding = Literal["none", "piecewise_linear"]
DatePart = Literal["year", "month", "day_of_year", "day_of_week", "hour"]

Bins = Annotated[int, Interval(ge=2, le=256)]
MaxLevels = Annotated[int, Interval(ge=1, le=10_000)]
MinCount = Annotated[int, Interval(ge=1, le=1_000_000)]
DateParts = Annotated[tuple[DatePart, ...], Len(0, 5)]


@dataclass(frozen=True, kw_only=True)
class NumericSpec:
    """A number or a moment: scaled, a missing one standing at the median of the training rows.

    `clip` bends what is far out towards 3 and -3. `encoding` puts up to `bins` inputs beside the
    scaled value. `missing_indicator` adds one that is 1 where the cell is missing, if some cells
    of the training rows are. A boolean is standardised whatever the scaling, "none" apart.
    """

    __pydantic_config__ = _STRICT
    scaling: Scaling = "standard"
    clip: bool = False
    encoding: NumberEncoding = "none"
    bins: Bins = 48
    missing_indicator: bool = True


@dataclass(frozen=True, kw_only=True)
class CategoricalSpec:
    """A category: its frequent levels, and one level "other" that the rare ones share.

    A level is rare that stands in fewer than `min_count` training rows, or is not among the
    `max_levels` most frequent: null is 100 for one-hot columns, and no limit for embedded ones.
    """

    __pydantic_config__ = _STRICT
    max_levels: MaxLevels | None = None
    min_count: MinCount = 1


@dataclass(frozen=True, kw_only=True)
class DatetimeSpec:
    """What a moment becomes beside its seconds since 1970, which are scaled as a number is.

    `parts` of it in UTC: with `cyclic` as sine and cosine, so that December is beside January (but
    the year, which does not come again); else as standardised numbers. `differences` are the days
    between every two columns of moments, standardised. Both are 0 where a moment is missing.
    """

    __pydantic_config__ = _STRICT
    parts: DateParts = ()
    cyclic: bool = True
    differences: bool = False


@dataclass(frozen=True, kw_only=True)
class ColumnSpec:
    """One column's own way: what is not null stands in place of its type's."""

    __pydantic_config__ = _STRICT
    scaling: Scaling | None = None
    clip: bool | None = None
    encoding: NumberEncoding | None = None
    bins: Bins | None = None
    missing_indicator: bool | None = None
    max_levels: MaxLevels | None = None
    min_count: MinCount | None = None
    parts: DateParts | None = None
    cyclic: bool | None = None

    def chosen(self) -> dict[str, Any]:
        """The fields that are set."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class PreprocessingSpec:
    """How columns become inputs, by their type; `columns` says by name what is to be otherwise."""

    __pydantic_config__ = _STRICT
    numeric: NumericSpec = NumericSpec()
    categorical: CategoricalSpec = CategoricalSpec()
    datetime: DatetimeSpec = DatetimeSpec()
    columns: Annotated[Mapping[str, ColumnSpec], Len(0, 10_000)] = field(default_factory=dict)

    def numeric_of(self, name: str) -> NumericSpec:
        """How this column of numbers or moments is scaled and encoded."""
        return _over(self.numeric, self.columns.get(name))

    def categorical_of(self, name: str) -> CategoricalSpec:
        """Which levels of this column are rare."""
        return _over(self.categorical, self.columns.get(name))

    def datetime_of(self, name: str) -> DatetimeSpec:
        """What this column of moments becomes beside its seconds."""
        return _over(self.datetime, self.columns.get(name))


Spec = TypeVar("Spec", NumericSpec, CategoricalSpec, DatetimeSpec)

FIELDS_OF: Mapping[str, tuple[str, ...]] = {
    "numeric": tuple(each.name for each in fields(NumericSpec)),
    "boolean": ("scaling", "missing_indicator"),
    "categorical": tuple(each.name for each in fields(CategoricalSpec)),
    "datetime": (*(each.name for each in fields(NumericSpec)), "parts", "cyclic"),
}
"""By the type of a column, the fields of ColumnSpec that it goes by."""


class Transform(NamedTuple):
    """What is done to a cell, as a formula, from where it comes, and the field that asks for it."""

    formula: str
    source: str
    wish: str


TRANSFORMS: Mapping[str, Transform] = {
    "standard": Transform(
        "(x - mean) / std, of the training rows with missing cells at the median",
        "",
        'numeric.scaling = "standard"',
    ),
    "robust": Transform(
        "(x - median) / (q75 - q25); half the range where q75 = q25",
        "Holzmueller et al. 2024",
        'numeric.scaling = "robust"',
    ),
    "quantile": Transform(
        "inverse normal distribution of the share of training rows below x, read between at most "
        "1,000 reference quantiles, within -5.2 and 5.2",
        "Bliss 1967",
        'numeric.scaling = "quantile"',
    ),
    "smooth_clip": Transform(
        "z / sqrt(1 + (z / 3)^2) of the scaled z", "Holzmueller et al. 2024", "numeric.clip = true"
    ),
    "piecewise_linear": Transform(
        "for each bin [a, b]: min(max((x - a) / (b - a), 0), 1), beside the scaled value; edges "
        "are quantiles of the training rows, or of their different values where ties are heavy",
        "Gorishniy et al. 2022",
        'numeric.encoding = "piecewise_linear"',
    ),
    "missing_indicator": Transform(
        "1 where x is missing, else 0", "", "numeric.missing_indicator = true"
    ),
    "rare_levels": Transform(
        '"other" for a level in fewer than min_count training rows, or behind the max_levels most '
        "frequent, or never seen",
        "",
        "categorical.min_count, categorical.max_levels",
    ),
    "cyclic": Transform(
        "sin(2 pi k / n), cos(2 pi k / n) of month (n = 12), day of year (366), day of week (7) "
        "and hour (24), k from 0; (year - mean) / std",
        "",
        "datetime.parts, datetime.cyclic = true",
    ),
    "differences": Transform(
        "(d - mean) / std of the days d between two columns of moments",
        "",
        "datetime.differences = true",
    ),
}
"""Everything that a PreprocessingSpec can ask for, in words."""


def _over(spec: Spec, own: ColumnSpec | None) -> Spec:
    if own is None:
        return spec
    names = {each.name for each in fields(spec)}
    return replace(spec, **{name: v for name, v in own.chosen().items() if name in names})
