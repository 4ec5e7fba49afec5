"""How a network is trained: everything but the data and the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Interval, Le, Len, Lt

from workers.engine.spec.base import STRICT, BatchSize, Epochs, Patience, Positive, Precision
from workers.engine.spec.losses import Loss
from workers.engine.spec.metrics import METRICS, Direction, Monitor
from workers.engine.spec.optimizers import AdamSpec, Optimizer
from workers.engine.spec.schedules import Schedule

ClassWeights = Annotated[Mapping[str, Annotated[float, Ge(0.0), Le(1e6)]], Len(1, 1_000)]
ColumnName = Annotated[str, Len(1, 255)]
EnsembleSize = Annotated[int, Interval(ge=1, le=32)]
Folds = Annotated[int, Interval(ge=2, le=20)]


@dataclass(frozen=True, kw_only=True)
class EarlyStoppingSpec:
    """Stops after `patience` epochs without an improvement of more than `min_delta`.

    `mode` "auto" takes the monitor's own direction of better.
    """

    __pydantic_config__ = STRICT
    monitor: Monitor = "val_loss"
    mode: Literal["auto", "min", "max"] = "auto"
    patience: Patience = 20
    min_delta: Annotated[float, Ge(0.0), Le(1e6)] = 0.0
    restore_best: bool = True

    def direction(self) -> Direction:
        """Which way is better."""
        return METRICS[self.monitor].better if self.mode == "auto" else self.mode


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """Everything that decides a training but the data and the seed. Nothing here is "auto".

    The gradient of `accumulate` batches is averaged before a step. It is cut off at `clip_value`
    element by element, then scaled down to the norm `clip_norm` (Pascanu et al. 2013). With
    `ema_decay` an exponential moving average of the weights is what is validated and kept
    (Polyak and Juditsky 1992). `class_weight` maps labels to weights, or balances the classes;
    `sample_weight` names a column. `members` networks are trained side by side, each from a seed
    of its own (the run's and those behind it), and answer together by their mean: an ensemble
    (Lakshminarayanan et al. 2017). The members of a network's specification are another thing:
    they share most of their weights.
    """

    __pydantic_config__ = STRICT
    epochs: Epochs
    batch_size: BatchSize
    loss: Loss
    optimizer: Optimizer = AdamSpec()  # noqa: RUF009 - a frozen value
    schedule: Schedule | None = None
    early_stopping: EarlyStoppingSpec | None = None
    clip_norm: Positive | None = None
    clip_value: Positive | None = None
    accumulate: Annotated[int, Interval(ge=1, le=1_024)] = 1
    ema_decay: Annotated[float, Gt(0.0), Lt(1.0)] | None = None
    class_weight: Literal["balanced"] | ClassWeights | None = None
    sample_weight: ColumnName | None = None
    shuffle: bool = True
    precision: Precision = "float32"
    members: EnsembleSize = 1


@dataclass(frozen=True, kw_only=True)
class SplitSpec:
    """How rows are divided: fractions of all rows for validation and test, the rest trains.

    `column` holds the groups that stay whole (method "group"), or says of each row where it belongs
    ("column"). With `folds` the training is repeated without each fold of the rows that do not
    test, to be judged on that fold.
    """

    __pydantic_config__ = STRICT
    validation: Annotated[float, Ge(0.0), Lt(1.0)] = 0.2
    test: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0
    method: Literal["random", "stratified", "ordered", "group", "column"] = "random"
    column: ColumnName | None = None
    folds: Folds | None = None
