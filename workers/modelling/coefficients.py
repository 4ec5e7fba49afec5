"""A model without hidden layers as the formula that it is, in the data's own units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.spec import DropoutSpec
from workers.modelling.targets import NumberTarget
from workers.tabular.encoders import NumericEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.modelling.estimator import FittedModel
    from workers.tabular.preprocessing import Preprocessing

    Numbers = NDArray[np.float64]


NOT_PLAIN = "Some columns enter clipped, by rank, in bins or in parts: no one factor is theirs."


def coefficients(fitted: FittedModel) -> dict[str, Any]:
    """`coefficients` by input name with `intercept`, or nothing for a network of another form.

    A regression: value = intercept + sum of coefficient times input, where a number enters as it
    stands in the data and a level or an indicator as 0 or 1; of several targets by target; with an
    exponential output the sum is the logarithm of the value, as `coefficients_of` says. Two
    classes: the log-odds of the second, `coefficients_of`. More classes: the score before softmax
    of each, by label. Where inputs are more than scaled cells there is a reason instead.
    """
    if not _is_linear(fitted):
        return {}
    if not _reads_plainly(fitted.preprocessing):
        return {"coefficients": None, "intercept": None, "coefficients_reason": NOT_PLAIN}
    W, b = _in_data_units(fitted)
    names = fitted.preprocessing.outputs
    by_output = [dict(zip(names, column, strict=True)) for column in W.T.tolist()]
    outputs = _outputs(fitted)
    if isinstance(outputs, str):
        found = {"coefficients": by_output[0], "intercept": float(b[0])}
    else:
        found = {
            "coefficients": dict(zip(outputs, by_output, strict=True)),
            "intercept": dict(zip(outputs, b.tolist(), strict=True)),
        }
    meaning = _meaning(fitted)
    return found if meaning is None else found | {"coefficients_of": meaning}


def _is_linear(fitted: FittedModel) -> bool:
    """Whether the sum itself is the answer, its log-odds or its logarithm."""
    spec = fitted.network_spec
    # Dropout is there in training alone. A level's vector is no input that could be named. Of
    # several networks the mean is taken of probabilities, which no sum of inputs gives.
    is_one = spec.members == 1 and fitted.parameters.ndim == 1
    if not is_one or spec.numeric_embeddings is not None:
        return False
    if spec.embeddings or not all(isinstance(layer, DropoutSpec) for layer in spec.layers):
        return False
    return fitted.task != "regression" or _activation(fitted) in ("identity", "exponential")


def _reads_plainly(preprocessing: Preprocessing) -> bool:
    """Whether every number enters scaled and nothing else, so that this can be undone."""
    return not preprocessing.differences and all(
        encoder.curve.is_linear
        for encoder in preprocessing.encoders
        if isinstance(encoder, NumericEncoder)
    )


def _outputs(fitted: FittedModel) -> str | tuple[str, ...]:
    """What the formulas are called, or the one name where there is one formula."""
    if fitted.classes is None:
        return fitted.target_name
    return fitted.classes if fitted.network.n_outputs > 1 else fitted.classes[1]


def _meaning(fitted: FittedModel) -> str | None:
    if fitted.classes is not None:
        return fitted.classes[1] if fitted.network.n_outputs == 1 else None
    return "the logarithm of the value" if _activation(fitted) == "exponential" else None


def _activation(fitted: FittedModel) -> str:
    return fitted.network.output_activation


def _in_data_units(fitted: FittedModel) -> tuple[Numbers, Numbers]:
    """Weights (I, K) and biases (K,) with the standardisation of inputs and target undone.

    From y = s (b + sum w (x - c) / t) + m: the weight of x is s w / t, the rest is intercept.
    """
    tensors = fitted.network.layout.views(fitted.parameters.astype(np.float64))
    center, scale = _standardisation(fitted.preprocessing)
    W = tensors["layers.0.weight"]
    if "skip.weight" in tensors:
        W = W + tensors["skip.weight"]
    W = W / scale[:, None]
    b = tensors.get("layers.0.bias", np.zeros(W.shape[1])) - center @ W
    # A logarithm is of the value as it is: what has such an output is not standardised.
    if isinstance(fitted.target, NumberTarget) and _activation(fitted) == "identity":
        scales, centers = np.array(fitted.target.scales), np.array(fitted.target.centers)
        W, b = W * scales, b * scales + centers
    return W, b


def _standardisation(preprocessing: Preprocessing) -> tuple[Numbers, Numbers]:
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
