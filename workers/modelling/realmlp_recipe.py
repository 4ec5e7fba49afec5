"""The recipe realmlp: what made a plain network good by default (Holzmueller et al. 2024).

RealMLP-TD-S, the simplified form of the paper: robust scaling with smooth clipping, one-hot levels,
a scaling layer, three layers of SELU (classes) or Mish (numbers), an output that starts at 0, four
waves of the learning rate (coslog4), Adam's beta2 at .95, the best epoch kept. Of the full form it
has dropout and weight decay. Labels are not smoothed: that made log-loss worse. The paper's tables
have 1,000 rows and more; smaller ones are learned by heart unless rates are lower, and more is held
back.

The paper's networks are in the neural tangent parametrisation, f(X W / sqrt(I) + b) with weights
of deviation 1. Adam learns the same function from weights of deviation 1 / sqrt(I) at a rate that
many times smaller; so it is here, with the width of the layers for I.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.engine.spec import (
    AdamWSpec,
    ConstantSchedule,
    Coslog4Schedule,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    LbfgsSpec,
    NetworkSpec,
    OutputSpec,
    ScaleSpec,
)
from workers.modelling.auto_preprocessing import decide_preprocessing
from workers.modelling.auto_recipe import AutoRecipe, about_vectors, level_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workers.engine.spec import EmbeddingSpec, Layer
    from workers.modelling.plan import ModelWish, Task
    from workers.modelling.row_division import Division
    from workers.tabular.profile import ColumnProfile

N_LAYERS = 3
UNITS = 128
SCALE_RATE = 6.0
"""How many times as fast as other weights, in the paper's parametrisation, scales are learned."""

CLASS_RATE, NUMBER_RATE = 0.04, 0.07
"""Learning rates in the paper's parametrisation."""

BETA2 = 0.95
MANY_ROWS = 5_000
EPOCHS, EPOCHS_OF_MANY = 256, 64
MIN_BATCH, MAX_BATCH = 32, 256
MIN_BATCHES = 16
"""Of an epoch, where rows are few."""

FEW_ROWS = 4_000


@dataclass(frozen=True)
class _Care:
    """Against over-fitting: the fewer rows, the more."""

    dropout: float
    decay: float
    share_of_rate: float

    @classmethod
    def of(cls, division: Division) -> _Care:
        if division.n_train + division.n_validation < FEW_ROWS:
            return cls(dropout=0.4, decay=0.1, share_of_rate=0.25)
        return cls(dropout=0.15, decay=0.02, share_of_rate=1.0)


def decide(
    wish: ModelWish, features: Sequence[ColumnProfile], division: Division, task: Task
) -> AutoRecipe:
    """Network, preprocessing and the fields of a training, but where the wish decides them."""
    preprocessing, of_preprocessing = decide_preprocessing(wish, features, division, bins=None)
    embedded = () if wish.preprocessing == "none" else tuple(level_vectors(features))
    care = _Care.of(division)
    training, of_training = _training(wish, division, task, care)
    return AutoRecipe(
        network=_network(wish, embedded, task, care),
        preprocessing=preprocessing,
        training=training,
        reasons=(*_about_network(wish, embedded, task, care), *of_preprocessing, *of_training),
    )


def _network(
    wish: ModelWish, embedded: tuple[EmbeddingSpec, ...], task: Task, care: _Care
) -> NetworkSpec:
    dense = DenseSpec(
        units=UNITS,
        activation="mish" if task == "regression" else "selu",
        initializer="lecun_normal",
    )
    # L-BFGS needs the same function at every step.
    block: tuple[Layer, ...] = (dense,)
    if not _is_lbfgs(wish):
        block = (dense, DropoutSpec(rate=care.dropout))
    return NetworkSpec(
        layers=(ScaleSpec(factor=SCALE_RATE * math.sqrt(UNITS)), *block * N_LAYERS),
        output=OutputSpec(initializer="zeros"),
        embeddings=embedded,
    )


def _about_network(
    wish: ModelWish, embedded: tuple[EmbeddingSpec, ...], task: Task, care: _Care
) -> Iterator[str]:
    named = "Mish units, as numbers" if task == "regression" else "SELU units, as classes"
    yield f"{N_LAYERS} hidden layers of {UNITS} {named} are predicted."
    yield "A scaling layer before them, learned fast: inputs that say little soon count little."
    if not _is_lbfgs(wish):
        yield f"Dropout {care.dropout:g}."
    yield from about_vectors(embedded)


def _training(
    wish: ModelWish, division: Division, task: Task, care: _Care
) -> tuple[dict[str, Any], Iterator[str]]:
    rows = division.n_train
    epochs = EPOCHS_OF_MANY if rows > MANY_ROWS else EPOCHS
    rate = care.share_of_rate * (NUMBER_RATE if task == "regression" else CLASS_RATE)
    # The rate comes down to nothing four times: it is trained through, and the best epoch kept.
    patience = min(wish.training.get("epochs", epochs), 10_000)
    judged = division.n_validation > 0
    found = {
        "epochs": epochs,
        "batch_size": min(rows, MAX_BATCH, max(MIN_BATCH, rows // MIN_BATCHES)),
        "optimizer": AdamWSpec(
            learning_rate=round(rate / math.sqrt(UNITS), 6), beta2=BETA2, weight_decay=care.decay
        ),
        "schedule": ConstantSchedule() if _is_lbfgs(wish) else Coslog4Schedule(),
        "early_stopping": EarlyStoppingSpec(patience=patience) if judged else None,
    }

    def reasons() -> Iterator[str]:
        if "schedule" not in wish.training and not _is_lbfgs(wish):
            yield "The learning rate falls and rises in four waves, each twice as long."
        if judged and "early_stopping" not in wish.training:
            yield "The best epoch by val_loss is kept."

    return found, reasons()


def _is_lbfgs(wish: ModelWish) -> bool:
    return isinstance(wish.training.get("optimizer"), LbfgsSpec)
