"""What an attempt trains: networks on prepared rows, and how far their training has come."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from service.usecases.claims import EpochMetrics
from workers.engine.optimizers import slot_names
from workers.engine.problem import Problem
from workers.engine.stacked import train_stacked
from workers.engine.training import TrainingState, train
from workers.modelling.codec import stacked, states_to_bytes, weights_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from workers.engine.kernels.contract import Kernels
    from workers.engine.spec import TrainingSpec
    from workers.engine.tensors import Array
    from workers.engine.training import Divergence, EpochReport
    from workers.modelling.estimator import FittedModel, Prepared

_SEEDS = 2**63


def initial_states(
    prepared: Prepared, training: TrainingSpec, seed: int
) -> tuple[TrainingState, ...]:
    """The states of all members before their first step."""
    return tuple(
        TrainingState.initial(prepared.network, training, _seed_of(member, seed))
        for member in range(training.members)
    )


class Fit:
    """A training and the place it stands at, moved by `epochs`.

    Those around it (the pace, the checkpoints, the ledger's records, the ends) know it by what
    stands here alone: what a training remembers is the engine's matter. Parameters (P,), of an
    ensemble (M, P), are given on the host.

    The members of an ensemble go side by side, each judged and stopped by itself: together they
    are at their best in the epoch in which the last of them improved.
    """

    def __init__(
        self,
        prepared: Prepared,
        training: TrainingSpec,
        seed: int,
        states: Sequence[TrainingState],
    ) -> None:
        """Begin where `states` stand, one for each member; they are changed in place."""
        self._prepared = prepared
        self._training = training
        self._seed = seed
        self._states = tuple(states)

    def epochs(self, kernels: Kernels) -> Iterator[EpochMetrics | None]:
        """Train until there is a `stop_reason`.

        Yields the metrics of every epoch at its end, and None about every 50 ms in between, where
        the training may as well be left. Those of an ensemble are the means over the members that
        were at work; one that diverges ends the training of all.
        """
        several = len(self._states) > 1
        for reports in self._side_by_side(kernels) if several else self._alone(kernels):
            if not reports:
                yield None
            else:
                of_members = [values_of(report, self._training) for report in reports]
                means = {
                    name: fmean(values[name] for values in of_members) if several else value
                    for name, value in of_members[0].items()
                }
                yield EpochMetrics(self.epoch, means)
            if self.divergence is not None:
                return

    def _alone(self, kernels: Kernels) -> Iterator[tuple[EpochReport, ...]]:
        prepared = self._prepared
        [state] = self._states
        steps = train(
            prepared.network, state, prepared.data, self._training, self._seed, kernels=kernels
        )
        for progress in steps:
            yield () if progress.report is None else (progress.report,)

    def _side_by_side(self, kernels: Kernels) -> Iterator[tuple[EpochReport, ...]]:
        for progress in train_stacked(self.problems(kernels), self._states):
            yield tuple(progress.reports.values())

    def problems(self, kernels: Kernels) -> list[Problem]:
        """Those of the members."""
        network, data = self._prepared.network, self._prepared.data
        return [
            Problem(network, data, self._training, _seed_of(member, self._seed), kernels)
            for member in range(len(self._states))
        ]

    @property
    def states(self) -> tuple[TrainingState, ...]:
        """Where the members stand."""
        return self._states

    @property
    def n_rows(self) -> int:
        """The rows of an epoch."""
        return len(self._prepared.data.X)

    @property
    def n_bytes(self) -> int:
        """About what training works on: the rows, and what moves with every member."""
        data, network = self._prepared.data, self._prepared.network
        vectors = len(self._states) * (3 + len(slot_names(self._training.optimizer)))
        own: int = data.X.nbytes + data.y.nbytes
        judging = 0 if data.X_validation is None else data.X_validation.nbytes
        return own + judging + vectors * network.n_parameters * data.X.itemsize

    @property
    def epoch(self) -> int:
        """The epochs completed."""
        return max(state.epoch for state in self._states)

    @property
    def step(self) -> int:
        """The updates done, of one network."""
        return max(state.step for state in self._states)

    @property
    def step_in_epoch(self) -> int:
        """Those of the epoch at work: 0 between two epochs."""
        return max(state.step_in_epoch for state in self._states)

    @property
    def stop_reason(self) -> str | None:
        """Why there is nothing left to train; None while there is."""
        reasons = [state.stop_reason for state in self._states]
        if None in reasons:
            return None
        return "max_epochs" if "max_epochs" in reasons else reasons[0]

    @property
    def divergence(self) -> Divergence | None:
        """Where the training left the finite numbers, if it did."""
        found = (state.divergence for state in self._states)
        return next((at for at in found if at is not None), None)

    @property
    def best_epoch(self) -> int:
        """The epoch of `best_value`; 0 while there is none."""
        return max(state.best_epoch for state in self._states)

    @property
    def best_value(self) -> float | None:
        """The best of the figure by which epochs are judged; the mean of the members' own."""
        values = [state.best_value for state in self._states if state.best_value is not None]
        if len(values) < len(self._states):
            return None
        return fmean(values) if len(values) > 1 else values[0]

    @property
    def is_best_epoch(self) -> bool:
        """Whether the last whole epoch is the best so far."""
        return self.best_value is not None and self.best_epoch == self.epoch

    @property
    def restores_best(self) -> bool:
        """Whether `final_parameters` are the best epoch's: they are wanted, and there is one."""
        stopping = self._training.early_stopping
        restores = stopping is not None and stopping.restore_best
        return restores and all(state.best_parameters is not None for state in self._states)

    def epoch_parameters(self) -> Array:
        """Those by which the last whole epoch was judged; after a divergence the last finite."""
        return stacked([state.to_host(state.epoch_parameters) for state in self._states])

    def final_parameters(self) -> Array:
        """Those to keep: the best epoch's if `restores_best`, else the last whole epoch's."""
        return stacked([state.final_parameters(self._training) for state in self._states])

    def fitted(self, parameters: Array) -> FittedModel:
        """The model with these parameters, which are copied."""
        return self._prepared.fitted(parameters)

    def weights(self, parameters: Array) -> bytes:
        """These parameters by the network's names."""
        return weights_to_bytes(self._prepared.network, parameters)

    def begun_with(self) -> bytes:
        """The weights that an epoch would be judged by before the first step of this attempt."""
        return self.weights(stacked([state.judged for state in self._states]))

    def state(self, folds: Sequence[Mapping[str, Any]] = ()) -> bytes:
        """All that it takes to go on from here with the same bits; `folds` are those behind it."""
        return states_to_bytes(self._states, self._prepared.network.layout, folds)


def train_together(fits: Sequence[Fit], kernels: Kernels) -> Iterator[None]:
    """Train all until each has its `stop_reason`, with the bits that each gets by itself.

    Yields about every 50 ms and at the end of every epoch; one that diverges leaves the others to
    go on. Raises StackError where their problems differ in more than `stacked` allows.
    """
    if len(fits) == 1:
        for _ in fits[0].epochs(kernels):
            yield
        return
    problems = [problem for fit in fits for problem in fit.problems(kernels)]
    for _ in train_stacked(problems, [state for fit in fits for state in fit.states]):
        yield


def _seed_of(member: int, seed: int) -> int:
    return (seed + member) % _SEEDS


def values_of(report: EpochReport, spec: TrainingSpec) -> dict[str, float]:
    """Return an epoch's metrics by name."""
    values = {"train_loss": report.train_loss}
    if report.val_loss is not None:
        values["val_loss"] = report.val_loss
    if spec.schedule is not None and spec.schedule.type != "constant":
        values["learning_rate"] = report.learning_rate
    return values | dict(report.metrics)
