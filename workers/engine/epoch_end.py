"""The end of an epoch: all numbers looked at, the validation rows asked, the epoch judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from workers.engine import divergence, judging
from workers.engine.tensors import Array
from workers.engine.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engine.problem import Problem
    from workers.engine.spec import TrainingSpec
    from workers.engine.state import TrainingState


class Seen(NamedTuple):
    """The loss and the outputs (N, K) on the validation rows, None without such rows."""

    loss: float | None
    outputs: Array | None


@dataclass(frozen=True)
class EpochReport:
    """What an epoch came to: train_loss is the mean over its rows, each as it was trained.

    val_outputs (N, K) are the network's answers on the validation rows after the epoch, metrics
    what `TrainingData.measure` made of them; learning_rate is that of the last step.
    """

    epoch: int
    train_loss: float
    val_loss: float | None
    val_outputs: Array | None
    learning_rate: float
    metrics: Mapping[str, float] = field(default_factory=dict)


class EpochEnd:
    """For states of one problem, or of several that differ in nothing that is looked at here.

    `seen` is what the last `look` found.
    """

    def __init__(self, problem: Problem) -> None:
        """Raises ValueError where nothing is there that the monitored figure could come from."""
        self._data = problem.data
        self._network = problem.network
        self._kernels = problem.kernels
        validates = problem.data.X_validation is not None
        self._validation = Validation(problem) if validates else None
        self.seen = Seen(None, None)
        monitor, _ = judging.monitor(problem.spec, validates=validates)
        if not validates and monitor != "train_loss":
            raise ValueError(f"early stopping on {monitor} needs validation rows")
        if monitor not in ("train_loss", "val_loss") and problem.data.measure is None:
            raise ValueError(f"{monitor} is not measured")

    def look(self, state: TrainingState, *, is_finite: bool = False) -> Iterator[None]:
        """Check and validate a state whose steps are done; yields between pieces of work.

        A state that is not finite has then diverged; `is_finite` says that its vectors are.
        """
        if not is_finite:
            self._check_vectors(state)
        validation = self._validation
        if validation is None or state.stop_reason is not None:
            return
        yield from validation.run(state.to_host(state.judged))
        self.seen = Seen(validation.loss, validation.outputs)
        if not math.isfinite(validation.loss):
            state.diverge("val_loss", divergence.finite_norm(validation.outputs))

    def close(
        self, state: TrainingState, spec: TrainingSpec, seen: Seen, learning: tuple[float, float]
    ) -> EpochReport:
        """Count the epoch as completed and judge it; `learning`: training loss, learning rate."""
        train_loss, learning_rate = learning
        figures = {"train_loss": train_loss}
        metrics: Mapping[str, float] = {}
        if seen.loss is not None and seen.outputs is not None:
            figures["val_loss"] = seen.loss
            measure = self._data.measure
            metrics = {} if measure is None else measure(seen.outputs)
        state.close_epoch({**figures, **metrics}, spec)
        return EpochReport(
            epoch=state.epoch,
            train_loss=train_loss,
            val_loss=seen.loss,
            val_outputs=seen.outputs,
            learning_rate=learning_rate,
            metrics=metrics,
        )

    def _check_vectors(self, state: TrainingState) -> None:
        """What the last step did no loss has shown yet."""
        network = self._network
        if state.stop_reason is not None:
            return
        vectors = [(network.layout, state.parameters)]
        if state.average is not None:
            vectors.append((network.layout, state.average))
        # L-BFGS keeps its objective as well, which has no tensors.
        ours = (network.n_trainable,)
        slots = [slot for slot in state.slots.values() if slot.shape == ours]
        vectors += [(network.trainable, slot) for slot in slots]
        for layout, vector in vectors:
            if divergence.is_finite(vector, self._kernels):
                continue
            place = divergence.in_vector(layout, state.to_host(vector))
            if place is not None:
                state.diverge(*place)
                return
