"""The target as the network learns it, and the network's answers as the user reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from workers.tabular.cell_readers import spelled
from workers.tabular.encoders import moments
from workers.tabular.features import levels_of, numbers_of, type_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.engine.network import Network
    from workers.tabular.features import Column

# Where going by columns pays: measured, with float32.
_FEW_CLASSES = 4
_MANY_ROWS = 1_000


@dataclass(frozen=True)
class NumberTarget:
    """Numbers, one or several side by side, each learned as `(y - center) / scale`.

    With `ranges`, the least and the greatest of each, answers stay within them.
    """

    centers: tuple[float, ...]
    scales: tuple[float, ...]
    ranges: tuple[tuple[float, float], ...] | None = None

    @classmethod
    def fit(
        cls, values: NDArray[np.float64], *, standardise: bool, clamp: bool = False
    ) -> NumberTarget:
        """From the training rows' values (N, T): standardised, or as they are."""
        n_targets = values.shape[1]
        ranges = None
        if clamp:
            ranges = tuple((float(column.min()), float(column.max())) for column in values.T)
        if not standardise:
            return cls((0.0,) * n_targets, (1.0,) * n_targets, ranges)
        found = [moments(column) for column in values.T]
        centers = tuple(center for center, _ in found)
        return cls(centers, tuple(scale or 1.0 for _, scale in found), ranges)

    def encode(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network learns (N, T) for values (N, T) in the data's own units."""
        learned: NDArray[np.float64] = (values - np.array(self.centers)) / np.array(self.scales)
        return learned

    def decode(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Values (N, T) in the data's own units of outputs (N, T); may overflow to infinity."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = outputs.astype(np.float64) * np.array(self.scales)
            values: NDArray[np.float64] = scaled + np.array(self.centers)
        if self.ranges is None:
            return values
        least, greatest = np.array(self.ranges).T
        # What is not finite is to be told, not to be taken for the end of a range.
        return np.where(np.isfinite(values), np.clip(values, least, greatest), values)


@dataclass(frozen=True)
class ClassTarget:
    """One of some classes, each by its label; a class is learned as its place among them."""

    labels: tuple[str, ...]

    def encode(self, classes: NDArray[np.intp], network: Network) -> NDArray[Any]:
        """What the network learns for class numbers (N,).

        Themselves where it has an output per class; (N, 1), 1 for the second class, where its one
        output is that class's probability.
        """
        return classes if network.n_outputs > 1 else classes[:, None].astype(np.float64)

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities (N, classes) of the network's outputs (N, 1) or (N, classes)."""
        exact = outputs.astype(np.float64)
        return np.hstack((1.0 - exact, exact)) if exact.shape[1] == 1 else exact

    def predicted(self, outputs: NDArray[Any]) -> NDArray[np.intp]:
        """The most probable class (N,) of each row, the first of equals."""
        if outputs.shape[1] == 1:
            is_second: NDArray[np.bool] = outputs[:, 0] > 0.5
            return is_second.astype(np.intp)
        if outputs.shape[1] <= _FEW_CLASSES and len(outputs) >= _MANY_ROWS:
            return _best_of_few(outputs)
        best: NDArray[np.intp] = outputs.argmax(axis=1)
        return best

    def probability_of(
        self, classes: NDArray[np.intp], outputs: NDArray[Any]
    ) -> NDArray[np.float64]:
        """The probability (N,) of each row's own class."""
        if outputs.shape[1] == 1:
            second = outputs[:, 0].astype(np.float64)
            return np.where(classes == 1, second, 1.0 - second)
        places = np.arange(0, outputs.size, outputs.shape[1]) + classes
        return outputs.ravel().take(places).astype(np.float64)


def _best_of_few(outputs: NDArray[Any]) -> NDArray[np.intp]:
    """As argmax over the columns, but column by column: its branches guess wrong in every row."""
    best = np.zeros(len(outputs), np.uint8)
    largest = outputs[:, 0]
    for column in range(1, outputs.shape[1]):
        is_larger = (outputs[:, column] > largest).view(np.uint8)
        np.maximum(best, is_larger * np.uint8(column), out=best)
        largest = np.maximum(largest, outputs[:, column])
    return best.astype(np.intp)


TargetEncoding: TypeAlias = NumberTarget | ClassTarget


def target_to_plain(target: TargetEncoding) -> dict[str, Any]:
    """The encoding as plain data."""
    if isinstance(target, ClassTarget):
        return {"labels": list(target.labels)}
    plain: dict[str, Any] = {"centers": list(target.centers), "scales": list(target.scales)}
    if target.ranges is not None:
        plain["ranges"] = [list(each) for each in target.ranges]
    return plain


def target_from_plain(plain: Mapping[str, Any]) -> TargetEncoding:
    """What `target_to_plain` wrote, also in format 1; KeyError or TypeError for anything else."""
    if "labels" in plain:
        return ClassTarget(tuple(plain["labels"]))
    if "center" in plain:
        return NumberTarget((plain["center"],), (plain["scale"],))
    ranges = plain.get("ranges")
    return NumberTarget(
        tuple(plain["centers"]),
        tuple(plain["scales"]),
        None if ranges is None else tuple((least, greatest) for least, greatest in ranges),
    )


def read_classes(column: Column) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """The labels of a column without missing cells, in order, and the class numbers (N,).

    Texts are in the order of their characters, numbers ascending and as `spelled` writes them,
    truth values "false", "true".
    """
    if type_of(column) == "categorical":
        levels, places = levels_of(column)
        present, classes = np.unique(np.array([*levels, ""], object)[places], return_inverse=True)
        return tuple(present.tolist()), classes
    values, classes = np.unique(numbers_of(column), return_inverse=True)
    if type_of(column) == "boolean":
        return tuple("true" if value else "false" for value in values), classes
    return tuple(spelled(value) for value in values.tolist()), classes
