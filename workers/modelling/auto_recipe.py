"""The recipe auto: decided from the rows, the columns and the classes, each decision with why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.engine.spec import (
    AdamWSpec,
    ConstantSchedule,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    EmbeddingSpec,
    LbfgsSpec,
    NetworkSpec,
    OneCycleSchedule,
)
from workers.modelling.auto_preprocessing import Bins, decide_preprocessing
from workers.modelling.plan import Method
from workers.modelling.planned_inputs import first_width
from workers.tabular.encoders import MAX_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workers.engine.spec import Layer
    from workers.modelling.plan import ModelWish
    from workers.modelling.row_division import Division
    from workers.tabular.profile import ColumnProfile

UNITS = 128
FEW_ROWS = 4_000
ENSEMBLE = 4
"""More gain little: what chance makes of one network is a quarter in the mean of four."""

MAX_WORK = 8 * 10**10
"""Multiply-adds of a forward pass of all epochs and members: 4 to 10 seconds of a core."""

_WORK_OF_UNITS = 20_000
"""Multiply-adds of a row that take as long as what else is done with it than products."""
MIN_STEPS = 1_000
MIN_EPOCHS, MAX_EPOCHS = 64, 256
MIN_BATCH, MAX_BATCH = 32, 256
MAX_DIMENSION = 16

_LEARNING_RATE, _BETA2 = 3e-3, 0.95
_LEAST_DECAY, _ROWS_OF_DECAY = 0.01, 13_000


@dataclass(frozen=True)
class AutoRecipe:
    """What auto, tabm or realmlp makes of a table; `reasons` are sentences for the run's owner."""

    network: NetworkSpec
    preprocessing: Method
    training: dict[str, Any]
    reasons: tuple[str, ...]


def decide(
    wish: ModelWish,
    features: Sequence[ColumnProfile],
    division: Division,
    classes: int | None,
) -> AutoRecipe:
    """Network, preprocessing and the fields of a training, but where the wish decides them.

    Chosen on ten public tables, by divisions of their training rows, on forty others, and on made
    ones: see `make bench-accuracy`.
    """
    bins = Bins.for_table(features, division.n_train, classes)
    preprocessing, of_preprocessing = decide_preprocessing(wish, features, division, bins)
    regularisation = _Regularisation.of(division, classes)
    network, of_network = _network(wish, features, regularisation)
    inputs = first_width(features, network, preprocessing)
    training, of_training = _training(wish, division, regularisation, inputs)
    reasons = (*of_network, *of_preprocessing, *of_training)
    return AutoRecipe(network, preprocessing, training, reasons)


@dataclass(frozen=True)
class _Regularisation:
    """Against over-fitting: the more, the less the rows tell."""

    dropout: float
    decay: float
    because: str

    @classmethod
    def of(cls, division: Division, classes: int | None) -> _Regularisation:
        n_rows = division.n_train + division.n_validation
        if n_rows < FEW_ROWS:
            return cls(0.25, 0.1, f"as {n_rows} rows are fewer than {FEW_ROWS}")
        # Decay acts in every step, of which there are more, the more rows there are.
        share = min(1.0, _ROWS_OF_DECAY / division.n_train)
        if classes == 2:
            dropout, decay = 0.25, 0.3
            because = "as one of two classes tells less of a row than a number"
        else:
            dropout, decay = 0.1, 0.2
            because = f"as {n_rows} rows are no fewer than {FEW_ROWS}"
        return cls(dropout, max(_LEAST_DECAY, round(decay * share, 2)), because)

    def reason(self, what: str) -> str:
        return f"{what}, {self.because}."


def _network(
    wish: ModelWish, features: Sequence[ColumnProfile], against: _Regularisation
) -> tuple[NetworkSpec, Iterator[str]]:
    is_lbfgs = isinstance(wish.training.get("optimizer"), LbfgsSpec)
    dense = DenseSpec(units=UNITS, activation="silu")
    # L-BFGS needs the same function at every step.
    block: tuple[Layer, ...] = (dense,) if is_lbfgs else (dense, DropoutSpec(rate=against.dropout))
    embedded = () if wish.preprocessing == "none" else tuple(level_vectors(features))
    network = NetworkSpec(layers=block * 2, skip=True, embeddings=embedded)

    def reasons() -> Iterator[str]:
        yield (
            f"Two hidden layers of {UNITS} SiLU units, and a linear path beside them, so that "
            "what is linear need not be learned through the layers."
        )
        if not is_lbfgs:
            yield against.reason(f"Dropout {against.dropout:g}")
        yield from about_vectors(embedded)

    return network, reasons()


def level_vectors(features: Sequence[ColumnProfile]) -> Iterator[EmbeddingSpec]:
    """A learned vector for each level of the columns that have too many for one-hot inputs."""
    for column in features:
        if column.type == "categorical" and column.distinct > MAX_LEVELS:
            yield EmbeddingSpec(
                column=column.name, dimension=min(MAX_DIMENSION, math.isqrt(column.distinct))
            )


def about_vectors(embeddings: Sequence[EmbeddingSpec]) -> Iterator[str]:
    """Why these columns are embedded."""
    for each in embeddings:
        yield (
            f"{each.column} has more than {MAX_LEVELS} levels: each is a learned vector of "
            f"{each.dimension} numbers."
        )


def _batch_size(n_train: int) -> int:
    """The power of 2 nearest to the largest of which MAX_EPOCHS are MIN_STEPS."""
    largest = max(n_train * MAX_EPOCHS / MIN_STEPS, MIN_BATCH)
    return min(1 << round(math.log2(largest)), MAX_BATCH, n_train)


def _members(rows_of_all_epochs: int, inputs: int) -> int:
    """As many as MAX_WORK is enough for, one at least."""
    of_one = rows_of_all_epochs * (UNITS * (inputs + UNITS) + _WORK_OF_UNITS)
    return max(1, min(MAX_WORK // of_one, ENSEMBLE))


def _about_members(members: int) -> str:
    if members == ENSEMBLE:
        return f"{members} networks of as many seeds answer together: chance has less of a say."
    fewer = "One network answers" if members == 1 else f"{members} networks answer together"
    return f"{fewer}, not {ENSEMBLE}: the more rows and inputs, the longer each trains."


def _training(
    wish: ModelWish, division: Division, against: _Regularisation, inputs: int
) -> tuple[dict[str, Any], Iterator[str]]:
    n_train = division.n_train
    batch_size = _batch_size(n_train)
    steps = math.ceil(n_train / wish.training.get("batch_size", batch_size))
    epochs = min(max(MIN_EPOCHS, math.ceil(MIN_STEPS / steps)), MAX_EPOCHS)
    is_lbfgs = isinstance(wish.training.get("optimizer"), LbfgsSpec)
    # The rate comes down to nothing at the end: it is trained through, and the best epoch kept.
    wished_epochs = wish.training.get("epochs", epochs)
    patience = min(wished_epochs, 10_000)
    members = 1 if is_lbfgs else _members(n_train * wished_epochs, inputs)
    has_validation = division.n_validation > 0
    found = {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": AdamWSpec(
            learning_rate=_LEARNING_RATE, beta2=_BETA2, weight_decay=against.decay
        ),
        "schedule": ConstantSchedule() if is_lbfgs else OneCycleSchedule(),
        "early_stopping": EarlyStoppingSpec(patience=patience) if has_validation else None,
        "members": members,
    }

    def reasons() -> Iterator[str]:
        if not is_lbfgs and "members" not in wish.training:
            yield _about_members(members)
        if "optimizer" not in wish.training:
            yield against.reason(f"Weight decay {against.decay:g}")
        if "epochs" not in wish.training:
            yield (
                f"{epochs} epochs of {steps} steps: at least {MIN_EPOCHS} epochs and "
                f"{MIN_STEPS} steps, at most {MAX_EPOCHS} epochs."
            )
        if has_validation and "early_stopping" not in wish.training:
            yield "The best epoch by val_loss is kept."

    return found, reasons()
