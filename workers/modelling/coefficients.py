"""A model without hidden layers as the formula that it is, in the data's own units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.modelling.targets import NumberTarget
from workers.tabular.encoders import NumericEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.modelling.estimator import FittedModel
    from workers.tabular.preprocessing import Preprocessing


def coefficients(fitted: FittedModel) -> dict[str, Any]:
    """`coefficients` by input name with `intercept`, or nothing for a network of another form.

    A regression with identity output: value = intercept + sum of coefficient times input, where a
    number enters as it stands in the data and a level or an indicator as 0 or 1. Two classes: the
    log-odds of the second, `coefficients_of`. More classes: the score before softmax of each,
    by label.
    """
    if len(fitted.network.layers) > 1 or not _is_linear(fitted):
        return {}
    W, b = _in_data_units(fitted)
    names = fitted.preprocessing.outputs
    by_output = [dict(zip(names, column, strict=True)) for column in W.T.tolist()]
    classes = fitted.classes
    if classes is None:
        return {"coefficients": by_output[0], "intercept": float(b[0])}
    if len(by_output) == 1:
        found = {"coefficients": by_output[0], "intercept": float(b[0])}
        return found | {"coefficients_of": classes[1]}
    return {
        "coefficients": dict(zip(classes, by_output, strict=True)),
        "intercept": dict(zip(classes, b.tolist(), strict=True)),
    }


def _is_linear(fitted: FittedModel) -> bool:
    """Whether the sum itself is the answer, or its log-odds."""
    return fitted.task != "regression" or fitted.network.output_activation == "identity"


def _in_data_units(fitted: FittedModel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (I, K) and biases (K,) with the standardisation of inputs and target undone.

    From y = s (b + sum w (x - c) / t) + m: the weight of x is s w / t, the rest is intercept.
    """
    tensors = fitted.network.layout.views(fitted.parameters)
    center, scale = _standardisation(fitted.preprocessing)
    W = tensors["layers.0.weight"].astype(np.float64) / scale[:, None]
    b = tensors["layers.0.bias"].astype(np.float64) - center @ W
    if isinstance(fitted.target, NumberTarget):
        W, b = W * fitted.target.scale, b * fitted.target.scale + fitted.target.center
    return W, b


def _standardisation(
    preprocessing: Preprocessing,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Center and scale (I,) of every input; 0 and 1 for those that are 0 or 1 by themselves."""
    center, scale = [], []
    for encoder in preprocessing.encoders:
        n_plain = len(encoder.outputs)
        if isinstance(encoder, NumericEncoder):
            center.append(encoder.center)
            scale.append(encoder.scale or math.inf)
            n_plain -= 1
        center += [0.0] * n_plain
        scale += [1.0] * n_plain
    return np.array(center), np.array(scale)
