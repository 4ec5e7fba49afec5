"""Losses with their gradients, in NumPy; both cross-entropies take logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.kernels.plain.activations import Sigmoid

if TYPE_CHECKING:
    from workers.engine.backend import DType
    from workers.engine.tensors import Array, Labels, Shape


class MeanSquaredError:
    """L = mean (y - t)^2 over all elements; dL/dy = 2 (y - t) / n, with n = B K."""

    def __init__(self, shape: Shape, dtype: DType) -> None:
        rows, outputs = shape
        self._elements = rows * outputs
        self._scale = np.array(2.0 / self._elements, dtype)

    def __call__(self, scores: Array, targets: Array, gradient: Array) -> float:
        """Targets (B, K)."""
        np.subtract(scores, targets, out=gradient)
        squares = float(np.vdot(gradient, gradient))
        np.multiply(gradient, self._scale, out=gradient)
        return squares / self._elements


class BinaryCrossEntropy:
    """L = mean of max(x, 0) - x t + log(1 + exp(-|x|)); dL/dx = (sigmoid(x) - t) / n.

    This form never takes the logarithm of a rounded 0, and overflows at no logit.
    """

    def __init__(self, shape: Shape, dtype: DType) -> None:
        rows, outputs = shape
        self._elements = rows * outputs
        self._scale = np.array(1.0 / self._elements, dtype)
        self._zeros = np.zeros(shape, dtype)
        self._terms = np.empty(shape, dtype)
        self._sigmoid = Sigmoid(shape, dtype)

    def __call__(self, scores: Array, targets: Array, gradient: Array) -> float:
        """Targets (B, K) in [0, 1]."""
        terms = self._terms
        np.abs(scores, out=terms)
        np.negative(terms, out=terms)
        np.exp(terms, out=terms)
        np.log1p(terms, out=terms)
        np.maximum(scores, self._zeros, out=gradient)
        np.add(terms, gradient, out=terms)
        np.multiply(scores, targets, out=gradient)
        np.subtract(terms, gradient, out=terms)
        np.copyto(gradient, scores)
        self._sigmoid.forward(gradient)
        np.subtract(gradient, targets, out=gradient)
        np.multiply(gradient, self._scale, out=gradient)
        return float(np.add.reduce(terms, axis=None)) / self._elements


class SoftmaxCrossEntropy:
    """L = mean of log sum_k exp(z_k) - z_label; dL/dz = (softmax(z) - onehot(label)) / B.

    With every row shifted by its largest score (Goodfellow et al. 2016, 4.1); classes as rows,
    as in the Softmax activation.
    """

    def __init__(self, shape: Shape, dtype: DType) -> None:
        rows, classes = shape
        self._n_rows = rows
        self._by_class = np.empty((classes, rows), dtype)
        self._flat = self._by_class.reshape(-1)
        self._row = np.arange(rows)
        self._rows = np.array(rows, np.intp)
        self._places = np.empty(rows, np.intp)
        self._sums = np.empty(rows, dtype)
        self._true = np.empty(rows, dtype)
        self._logs = np.empty(rows, dtype)
        self._ones = np.ones(rows, dtype)
        self._one_per_class = np.ones(classes, dtype)
        self._share = np.array(1.0 / rows, dtype)
        self._scale = np.array(rows, dtype)

    def __call__(self, scores: Array, targets: Labels, gradient: Array) -> float:
        """Targets (B,): labels in [0, K) of type intp."""
        by_class, flat, places = self._by_class, self._flat, self._places
        sums, true, logs = self._sums, self._true, self._logs
        np.multiply(targets, self._rows, out=places)
        np.add(places, self._row, out=places)
        np.copyto(by_class, scores.T)
        np.maximum.reduce(by_class, axis=0, out=sums)
        np.subtract(by_class, sums, out=by_class)
        flat.take(places, out=true, mode="clip")
        np.exp(by_class, out=by_class)
        np.dot(self._one_per_class, by_class, out=sums)
        np.log(sums, out=logs)
        np.subtract(logs, true, out=logs)
        np.multiply(sums, self._scale, out=sums)
        np.divide(by_class, sums, out=by_class)
        flat.take(places, out=true, mode="clip")
        np.subtract(true, self._share, out=true)
        flat[places] = true
        np.copyto(gradient, by_class.T)
        return float(np.dot(logs, self._ones)) / self._n_rows
