"""What an attempt trains: a network on prepared rows, and how far its training has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.usecases.claims import EpochMetrics
from workers.engine.training import train
from workers.modelling.codec import state_to_bytes, weights_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from service.schemas.runs import RunSpec
    from workers.engine.kernels.contract import Kernels
    from workers.engine.spec import TrainingSpec
    from workers.engine.tensors import Array
    from workers.engine.training import Divergence, EpochReport, TrainingState
    from workers.modelling.estimator import FittedModel, Prepared


class Fit:
    """A training and the place it stands at, moved by `epochs`.

    Those around it (the pace, the checkpoints, the ledger's records, the ends) know it by what
    stands here alone: what a training remembers is the engine's matter. Parameters (P,) are given
    on the host.
    """

    def __init__(self, spec: RunSpec, prepared: Prepared, state: TrainingState) -> None:
        """Begin where `state` stands; it is changed in place from then on."""
        self._spec = spec
        self._prepared = prepared
        self._state = state

    def epochs(self, kernels: Kernels) -> Iterator[EpochMetrics | None]:
        """Train until there is a `stop_reason`.

        Yields the metrics of every epoch at its end, and None about every 50 ms in between, where
        the training may as well be left.
        """
        prepared, spec = self._prepared, self._spec
        steps = train(
            prepared.network,
            self._state,
            prepared.data,
            spec.training,
            spec.seed,
            kernels=kernels,
        )
        for progress in steps:
            report = progress.report
            if report is None:
                yield None
            else:
                yield EpochMetrics(progress.epoch, values_of(report, spec.training))

    @property
    def n_rows(self) -> int:
        """The rows of an epoch."""
        return len(self._prepared.data.X)

    @property
    def epoch(self) -> int:
        """The epochs completed."""
        return self._state.epoch

    @property
    def step(self) -> int:
        """The updates done."""
        return self._state.step

    @property
    def step_in_epoch(self) -> int:
        """Those of the epoch at work: 0 between two epochs."""
        return self._state.step_in_epoch

    @property
    def stop_reason(self) -> str | None:
        """Why there is nothing left to train; None while there is."""
        return self._state.stop_reason

    @property
    def divergence(self) -> Divergence | None:
        """Where the training left the finite numbers, if it did."""
        return self._state.divergence

    @property
    def best_epoch(self) -> int:
        """The epoch of `best_value`; 0 while there is none."""
        return self._state.best_epoch

    @property
    def best_value(self) -> float | None:
        """The best of the figure by which epochs are judged."""
        return self._state.best_value

    @property
    def is_best_epoch(self) -> bool:
        """Whether the last whole epoch is the best so far."""
        return self.best_value is not None and self.best_epoch == self.epoch

    @property
    def restores_best(self) -> bool:
        """Whether `final_parameters` are the best epoch's: they are wanted, and there is one."""
        stopping = self._spec.training.early_stopping
        restores = stopping is not None and stopping.restore_best
        return restores and self._state.best_parameters is not None

    def epoch_parameters(self) -> Array:
        """Those by which the last whole epoch was judged; after a divergence the last finite."""
        state = self._state
        parameters: Array = state.to_host(state.epoch_parameters)
        return parameters

    def final_parameters(self) -> Array:
        """Those to keep: the best epoch's if `restores_best`, else the last whole epoch's."""
        return self._state.final_parameters(self._spec.training)

    def fitted(self, parameters: Array) -> FittedModel:
        """The model with these parameters, which are copied."""
        return self._prepared.fitted(parameters)

    def weights(self, parameters: Array) -> bytes:
        """These parameters by the network's names."""
        return weights_to_bytes(self._prepared.network, parameters)

    def begun_with(self) -> bytes:
        """The weights that an epoch would be judged by before the first step of this attempt."""
        return self.weights(self._state.judged)

    def state(self, folds: Sequence[Mapping[str, Any]] = ()) -> bytes:
        """All that it takes to go on from here with the same bits; `folds` are those behind it."""
        return state_to_bytes(self._state, self._prepared.network.layout, folds)


def values_of(report: EpochReport, spec: TrainingSpec) -> dict[str, float]:
    """Return an epoch's metrics by name."""
    values = {"train_loss": report.train_loss}
    if report.val_loss is not None:
        values["val_loss"] = report.val_loss
    if spec.schedule is not None and spec.schedule.type != "constant":
        values["learning_rate"] = report.learning_rate
    return values | dict(report.metrics)
