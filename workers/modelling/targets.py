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
    from workers.modelling.plan import Method
    from workers.tabular.features import Column


@dataclass(frozen=True)
class NumberTarget:
    """A number, learned as `(y - center) / scale`."""

    center: float
    scale: float

    @classmethod
    def fit(cls, values: NDArray[np.float64], method: Method) -> NumberTarget:
        """From the training rows' values: standardised, or as they are under "none"."""
        center, scale = moments(values) if method == "standard" else (0.0, 1.0)
        return cls(center, scale or 1.0)

    def encode(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the network learns (N, 1) for values (N,) in the data's own units."""
        return ((values - self.center) / self.scale)[:, None]

    def decode(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Values (N,) in the data's own units of outputs (N, 1); may overflow to infinity."""
        with np.errstate(over="ignore", invalid="ignore"):
            return outputs[:, 0].astype(np.float64) * self.scale + self.center


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


TargetEncoding: TypeAlias = NumberTarget | ClassTarget


def target_to_plain(target: TargetEncoding) -> dict[str, Any]:
    """The encoding as plain data."""
    if isinstance(target, ClassTarget):
        return {"labels": list(target.labels)}
    return {"center": target.center, "scale": target.scale}


def target_from_plain(plain: Mapping[str, Any]) -> TargetEncoding:
    """What `target_to_plain` wrote; KeyError or TypeError for anything else."""
    if "labels" in plain:
        return ClassTarget(tuple(plain["labels"]))
    return NumberTarget(plain["center"], plain["scale"])


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
