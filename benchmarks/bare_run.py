"""The process of the bare engine: trains for as many epochs as a line says, and tells the time.

With "measured" behind that number the figures of every epoch are worked out as well.

Run as `python -m benchmarks.bare_run NAME`; an answer is JSON with CPU and wall-clock seconds.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.contenders.kernel_forms import SERVED, kernels_named
from benchmarks.trainings import N_CLASSES, TRAININGS, VALIDATION, Training
from workers.engine.network import Network
from workers.engine.spec import DenseSpec, NetworkSpec, SoftmaxCrossEntropySpec, TrainingSpec
from workers.engine.training import TrainingData, TrainingState, train
from workers.modelling.epoch_measure import epoch_measure
from workers.modelling.targets import ClassTarget


def main() -> None:
    """Serve rounds until the input ends."""
    training = TRAININGS[sys.argv[1]]
    data = _data(training)
    measured = replace(data, measure=_measure(data))
    _train(training, measured, 1)
    for line in sys.stdin:
        epochs, *way = line.split()
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        _train(training, measured if way else data, int(epochs))
        spent = {"cpu_s": time.process_time() - cpu_s, "wall_s": time.perf_counter() - wall_s}
        print(json.dumps(spent), flush=True)


def _train(training: Training, data: TrainingData, epochs: int) -> None:
    network = Network(
        NetworkSpec(layers=tuple(DenseSpec(units=n, activation="relu") for n in training.hidden)),
        n_inputs=training.columns,
        n_outputs=N_CLASSES,
        output_activation="softmax",
    )
    spec = TrainingSpec(
        epochs=epochs, batch_size=training.batch_size, loss=SoftmaxCrossEntropySpec()
    )
    state = TrainingState.initial(network, spec, seed=0)
    kernels = kernels_named(SERVED)
    for _ in train(network, state, data, spec, seed=0, kernels=kernels):
        pass


def _measure(data: TrainingData) -> Any:
    classes = ClassTarget(tuple(map(str, range(N_CLASSES))))
    return epoch_measure(classes, np.asarray(data.y_validation))


def _data(training: Training) -> TrainingData:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(training.rows, training.columns)).astype(np.float32)
    y = rng.integers(0, N_CLASSES, training.rows)
    cut = round(training.rows * VALIDATION)
    return TrainingData(X[cut:].copy(), y[cut:], X[:cut].copy(), y[:cut])


if __name__ == "__main__":
    main()
