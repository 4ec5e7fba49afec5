"""scikit-learn: MLPClassifier, without its own penalty and stopping rule.

With two classes it has one output where the others have two, which is to its advantage.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from sklearn.neural_network import MLPClassifier

from benchmarks.contenders.stopwatch import TimedEpochs, timed

if TYPE_CHECKING:
    from benchmarks.shapes import Shape


def classifier(shape: Shape, X: Any, y: Any) -> TimedEpochs:
    """Train for some epochs, from the start."""
    warnings.simplefilter("ignore")  # it warns that so few epochs do not converge

    def run(epochs: int) -> None:
        MLPClassifier(
            hidden_layer_sizes=shape.widths[1:-1],
            batch_size=shape.batch_size,
            max_iter=epochs,
            alpha=0.0,
            n_iter_no_change=epochs + 1,
        ).fit(X, y)

    return timed(run)
