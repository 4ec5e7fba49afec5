"""The recipe tabm: many networks in one that share most of their weights (Gorishniy et al. 2024).

As in the paper: dense layers of ReLU with dropout, quantile bins of the numbers, AdamW at a
constant rate, patience, the members' mean of losses and of answers. Its sizes are for one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.engine.spec import (
    AdamWSpec,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    EmbeddingSpec,
    LbfgsSpec,
    NetworkSpec,
)
from workers.modelling.auto_preprocessing import Bins, decide_preprocessing
from workers.modelling.auto_recipe import AutoRecipe, about_vectors, level_vectors
from workers.modelling.planned_inputs import first_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workers.engine.spec import Layer
    from workers.modelling.plan import Method, ModelWish
    from workers.modelling.row_division import Division
    from workers.tabular.profile import ColumnProfile

N_LAYERS = 3
DROPOUT = 0.1
BINS = 16
MIN_ROWS_FOR_BINS = 400
"""Rows that train. On fewer, so many bins did worse by folds within those of small tables."""

FEW_ROWS = 4_000
FEW_UNITS, UNITS = 32, 64
MEMBERS = (32, 16, 8, 4)
MAX_PRODUCTS = 25 * 10**8
"""Multiply-adds of a forward pass of the rows that train, through all members: a third of a second
of a core for an epoch."""

MAX_ALL_PRODUCTS = 6 * 10**10
"""Of all epochs."""

MIN_EPOCHS, MAX_EPOCHS = 24, 256
MIN_BATCH, MAX_BATCH = 32, 256
MIN_BATCHES = 16
"""Of an epoch, where rows are few."""

PATIENCE = 16

_LEARNING_RATE, _DECAY = 2e-3, 0.01


def decide(wish: ModelWish, features: Sequence[ColumnProfile], division: Division) -> AutoRecipe:
    """Network, preprocessing and the fields of a training, but where the wish decides them."""
    # Every member's first layer reads all bins: there are fewer of them.
    preprocessing, of_preprocessing = decide_preprocessing(
        wish, features, division, Bins(BINS, least_rows=MIN_ROWS_FOR_BINS)
    )
    sizes = _Sizes.of(wish, features, division, preprocessing)
    network, of_network = _network(wish, sizes)
    training, of_training = _training(wish, division, sizes)
    reasons = (*of_network, *of_preprocessing, *of_training)
    return AutoRecipe(network, preprocessing, training, reasons)


@dataclass(frozen=True)
class _Sizes:
    """How large the network may be, for training to end soon."""

    rows: int
    units: int
    members: int
    products: int
    embeddings: tuple[EmbeddingSpec, ...]

    @classmethod
    def of(
        cls,
        wish: ModelWish,
        features: Sequence[ColumnProfile],
        division: Division,
        preprocessing: Method,
    ) -> _Sizes:
        embedded = () if wish.preprocessing == "none" else tuple(level_vectors(features))
        rows = division.n_train
        units = FEW_UNITS if rows < FEW_ROWS else UNITS
        inputs = first_width(features, NetworkSpec(embeddings=embedded), preprocessing)
        of_one = rows * units * (inputs + (N_LAYERS - 1) * units)
        members = next((k for k in MEMBERS if k * of_one <= MAX_PRODUCTS), MEMBERS[-1])
        return cls(rows, units, members, members * of_one, embedded)


def _network(wish: ModelWish, sizes: _Sizes) -> tuple[NetworkSpec, Iterator[str]]:
    is_lbfgs = isinstance(wish.training.get("optimizer"), LbfgsSpec)
    dense = DenseSpec(units=sizes.units, activation="relu")
    # L-BFGS needs the same function at every step.
    block: tuple[Layer, ...] = (dense,) if is_lbfgs else (dense, DropoutSpec(rate=DROPOUT))
    network = NetworkSpec(
        layers=block * N_LAYERS, embeddings=sizes.embeddings, members=sizes.members
    )

    def reasons() -> Iterator[str]:
        yield (
            f"{sizes.members} networks in one, which share most of their weights and answer by "
            f"their mean: {_why(sizes)}."
        )
        yield (
            f"{N_LAYERS} hidden layers of {sizes.units} ReLU units for {sizes.rows} rows that "
            f"train{'' if is_lbfgs else f', with dropout {DROPOUT:g}'}."
        )
        yield from about_vectors(sizes.embeddings)

    return network, reasons()


def _why(sizes: _Sizes) -> str:
    if sizes.members == MEMBERS[0]:
        return "as many as in the paper"
    return f"with {MEMBERS[0]} an epoch would take too long"


def _training(
    wish: ModelWish, division: Division, sizes: _Sizes
) -> tuple[dict[str, Any], Iterator[str]]:
    rows = division.n_train
    batch_size = min(rows, MAX_BATCH, max(MIN_BATCH, rows // MIN_BATCHES))
    epochs = min(max(MIN_EPOCHS, MAX_ALL_PRODUCTS // sizes.products), MAX_EPOCHS)
    stops = division.n_validation > 0
    found = {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": AdamWSpec(learning_rate=_LEARNING_RATE, weight_decay=_DECAY),
        "early_stopping": EarlyStoppingSpec(patience=PATIENCE) if stops else None,
    }

    def reasons() -> Iterator[str]:
        if stops and "early_stopping" not in wish.training:
            yield (
                f"Training ends after {PATIENCE} epochs without a better val_loss, and the best "
                "epoch is kept."
            )

    return found, reasons()
