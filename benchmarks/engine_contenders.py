"""The contenders of the training benchmark, each a function that trains for some epochs."""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Shape:
    """Widths from input to output, rows of the table, epochs in a round."""

    widths: tuple[int, ...]
    rows: int
    epochs: int
    batch_size: int = 128


SHAPES = {
    "small": Shape((30, 64, 32, 2), rows=20_000, epochs=20),
    "medium": Shape((784, 256, 128, 10), rows=10_000, epochs=4),
}

Round = Callable[[], None]


def slope(shape: Shape, X: Any, y: Any) -> Round:
    """Our engine, as a worker uses it: loss and finiteness watched at every step."""
    from workers.engine.network import Network  # noqa: PLC0415 - a peer must not load ours
    from workers.engine.spec import (  # noqa: PLC0415
        DenseSpec,
        NetworkSpec,
        SoftmaxCrossEntropySpec,
        TrainingSpec,
    )
    from workers.engine.training import TrainingData, TrainingState, train  # noqa: PLC0415

    layers = tuple(DenseSpec(units=units) for units in shape.widths[1:-1])
    network = Network(
        NetworkSpec(layers=layers),
        n_inputs=shape.widths[0],
        n_outputs=shape.widths[-1],
        output_activation="softmax",
    )
    spec = TrainingSpec(
        epochs=shape.epochs, batch_size=shape.batch_size, loss=SoftmaxCrossEntropySpec()
    )

    def run() -> None:
        state = TrainingState.initial(network, spec, seed=0)
        for _ in train(network, state, TrainingData(X, y), spec, seed=0):
            pass

    return run


def scikit_learn(shape: Shape, X: Any, y: Any) -> Round:
    """MLPClassifier, without its own penalty and stopping rule."""
    neural_network = importlib.import_module("sklearn.neural_network")
    warnings.simplefilter("ignore")  # it warns that so few epochs do not converge

    def run() -> None:
        neural_network.MLPClassifier(
            hidden_layer_sizes=shape.widths[1:-1],
            batch_size=shape.batch_size,
            max_iter=shape.epochs,
            alpha=0.0,
            n_iter_no_change=shape.epochs + 1,
        ).fit(X, y)

    return run


def pytorch(shape: Shape, X: Any, y: Any) -> Round:
    """Fused Adam, and batches cut from a shuffled copy: its fastest form on a processor."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    features, labels = torch.tensor(X), torch.tensor(y)

    def run() -> None:
        layers: list[Any] = []
        for fan_in, fan_out in zip(shape.widths, shape.widths[1:], strict=False):
            layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
        network = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.Adam(network.parameters(), fused=True)
        for _ in range(shape.epochs):
            order = torch.randperm(len(features))
            shuffled, classes = features[order], labels[order]
            for start in range(0, len(features), shape.batch_size):
                end = start + shape.batch_size
                logits = network(shuffled[start:end])
                loss = torch.nn.functional.cross_entropy(logits, classes[start:end])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    return run


CONTENDERS: dict[str, Callable[[Shape, Any, Any], Round]] = {
    "slope": slope,
    "scikit-learn": scikit_learn,
    "pytorch": pytorch,
}


def main() -> None:
    """Train for one round per line read, and answer with what it took."""
    name, shape = sys.argv[1], SHAPES[sys.argv[2]]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(shape.rows, shape.widths[0])).astype(np.float32)
    y = rng.integers(0, shape.widths[-1], shape.rows)
    run = CONTENDERS[name](shape, X, y)
    for _ in sys.stdin:
        before = time.process_time()
        run()
        spent = time.process_time() - before
        print(json.dumps({"samples": shape.rows * shape.epochs, "cpu_s": spent}), flush=True)


if __name__ == "__main__":
    main()
