"""What a number becomes beyond its scaled value: bent, ranked, cut into bins, or parts of a date.

Every operation is one on each element alone, so that a row has the same bits in any company: sines
come from tables, and logarithms from the standard library, as NumPy's depend on an array's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.tabular.date_parts import FittedPart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.tabular.spec import NumericSpec

    Numbers = NDArray[np.float64]

MAX_REFERENCES = 1_000
_CLIP = 3.0
_FAR = 1e100
_LARGEST = float(np.finfo(np.float64).max)
_NORMAL = NormalDist()
# The ranks 0 and 1 are infinitely far out: these are where scikit-learn has them stand.
_LAST = _NORMAL.inv_cdf(1 - 1e-7)


@dataclass(frozen=True)
class Curve:
    """What is done to a column beside `(x - center) / scale`; what is empty or false is not.

    `references` are the quantiles, at equal steps of the rank, by which x becomes normal; `edges`
    those of the bins, in rising order; `parts` those of a moment.
    """

    clip: bool = False
    references: tuple[float, ...] = ()
    edges: tuple[float, ...] = ()
    parts: tuple[FittedPart, ...] = ()

    @property
    def is_linear(self) -> bool:
        """Whether the input still is `(x - center) / scale`, and has nothing beside it."""
        return self == Curve()

    def outputs(self, name: str) -> tuple[str, ...]:
        """What the inputs beside the scaled value of this column are called."""
        bins = tuple(f"{name} bin {place}" for place in range(1, len(self.edges)))
        return bins + tuple(output for part in self.parts for output in part.outputs(name))

    def scaled(self, x: Numbers, z: Numbers) -> Numbers:
        """What stands at the scaled value, (N,): x without missing cells, z = (x-center)/scale."""
        if self.references:
            z = _to_normal(x, np.array(self.references))
        return smooth_clip(z) if self.clip else z

    def beside(self, x: Numbers, missing: NDArray[np.bool]) -> Numbers:
        """The inputs (N, K) beside the scaled value; of x where it is not missing."""
        found = [_in_bins(x, np.array(self.edges))] if self.edges else []
        found += [part.inputs(x, missing) for part in self.parts]
        return np.hstack(found) if found else np.empty((len(x), 0))

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Curve:
        """The curve that `dataclasses.asdict` took apart; KeyError or TypeError otherwise."""
        numbers = {name: tuple(plain[name]) for name in ("references", "edges")}
        return cls(plain["clip"], parts=tuple(FittedPart(**p) for p in plain["parts"]), **numbers)


def fit_curve(spec: NumericSpec, present: Numbers, parts: tuple[FittedPart, ...]) -> Curve:
    """The curve of a column with these values in the training rows, which are not all equal."""
    return Curve(
        clip=spec.clip,
        references=reference_quantiles(present) if spec.scaling == "quantile" else (),
        edges=bin_edges(present, spec.bins) if spec.encoding == "piecewise_linear" else (),
        parts=parts,
    )


def robust_moments(values: Numbers) -> tuple[float, float]:
    """Median and interquartile range (0 for equal values) of at least one value.

    Half the range stands in for a range of 0 between the quartiles (Holzmueller et al. 2024).
    """
    # Four numbers of any size can be subtracted so.
    q25, center, q75 = (float(q) for q in np.quantile(values / 4, [0.25, 0.5, 0.75]))
    width = q75 - q25 or (float(values.max()) / 4 - float(values.min()) / 4) / 2
    return center * 4, width * 4 if width < _LARGEST / 4 else _LARGEST


def reference_quantiles(values: Numbers) -> tuple[float, ...]:
    """The quantiles (at most MAX_REFERENCES) at equal steps of the rank, never falling."""
    count = min(MAX_REFERENCES, len(values))
    quarter = np.quantile(values / 4, np.linspace(0.0, 1.0, count))
    return tuple((np.maximum.accumulate(quarter) * 4).tolist())


def bin_edges(values: Numbers, bins: int) -> tuple[float, ...]:
    """The rising edges of at most so many bins; none where they would say what x itself says.

    Each bin has as many training rows, as in Gorishniy et al. 2022; or as many different values,
    where so many rows are alike that less than half of the bins would be left.
    """
    distinct = np.unique(values)
    if len(distinct) < 3 or not np.isfinite(distinct[-1] / 2 - distinct[0] / 2):
        return ()
    quarters = distinct / 4  # of which any two have a difference
    if len(distinct) > bins + 1:
        ranks = np.linspace(0.0, 1.0, bins + 1)
        by_rows = np.unique(np.quantile(values / 4, ranks))
        is_tied = 2 * (len(by_rows) - 1) < bins
        quarters = np.quantile(quarters, ranks) if is_tied else by_rows
    edges = np.unique(quarters) * 4
    return tuple(edges.tolist()) if len(edges) > 2 else ()


def smooth_clip(z: Numbers) -> Numbers:
    """`z / sqrt(1 + (z / 3)^2)`, which stays within -3 and 3 (Holzmueller et al. 2024)."""
    # A square beyond is infinite; the answer is 3 long before.
    near = np.clip(z, -_FAR, _FAR)
    bent: Numbers = near / np.sqrt(1 + (near / _CLIP) ** 2)
    return bent


def _to_normal(x: Numbers, references: Numbers) -> Numbers:
    """The rank of each x among the references, as the normal distribution's value of that rank.

    Of equal references, the rank is the middle one, as in scikit-learn.
    """
    ranks = np.linspace(0.0, 1.0, len(references))
    # Halves of numbers of any size have a difference.
    half, at = x / 4, references / 4
    from_below = np.interp(half, at, ranks)
    from_above = -np.interp(-half, -at[::-1], -ranks[::-1])
    rank = 0.5 * (from_below + from_above)
    rank[x >= references[-1]] = 1.0
    rank[x <= references[0]] = 0.0
    inside = (rank > 1e-7) & (rank < 1 - 1e-7)
    z = np.where(rank > 0.5, _LAST, -_LAST)
    z[inside] = [_NORMAL.inv_cdf(p) for p in rank[inside].tolist()]
    return z


def _in_bins(x: Numbers, edges: Numbers) -> Numbers:
    """How far each x (N,) has come through each bin, (N, B): 0 before it, 1 behind it."""
    within = np.clip(x, edges[0], edges[-1]) / 4
    left, width = edges[:-1] / 4, np.diff(edges / 4)
    through: Numbers = (within[:, None] - left) / width
    return np.clip(through, 0.0, 1.0, out=through)
