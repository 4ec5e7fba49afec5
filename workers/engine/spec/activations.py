"""The activation functions by name, each with its formula and derivative."""

from __future__ import annotations

from typing import Literal

from workers.engine.spec.base import Formula

PointwiseActivation = Literal[
    "identity",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
]
Activation = Literal[PointwiseActivation, "prelu", "softmax", "exponential"]
OutputActivation = Literal[PointwiseActivation, "softmax", "exponential"]

LEAKY_SLOPE = 0.01
ELU_ALPHA = 1.0
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
PRELU_SLOPE = 0.25
"""The slope with which every unit of a PReLU starts."""

ACTIVATIONS: dict[Activation, Formula] = {
    "identity": Formula("f(z) = z", "f'(z) = 1", "a linear layer"),
    "sigmoid": Formula(
        "f(z) = 1 / (1 + exp(-z))", "f'(z) = f(z) (1 - f(z))", "Goodfellow et al. 2016, 3.10"
    ),
    "tanh": Formula("f(z) = tanh(z)", "f'(z) = 1 - f(z)^2", "Goodfellow et al. 2016, 6.3.2"),
    "relu": Formula(
        "f(z) = max(z, 0)", "f'(z) = 1 if z > 0 else 0; f'(0) = 0", "Nair and Hinton 2010"
    ),
    "leaky_relu": Formula(
        "f(z) = z if z > 0 else 0.01 z", "f'(z) = 1 if z > 0 else 0.01", "Maas et al. 2013"
    ),
    "prelu": Formula(
        "f(z) = z if z > 0 else s z; one learnable slope s per unit, from 0.25",
        "f'(z) = 1 if z > 0 else s; df/ds = 0 if z > 0 else z",
        "He et al. 2015",
    ),
    "elu": Formula(
        "f(z) = z if z > 0 else exp(z) - 1",
        "f'(z) = 1 if z > 0 else exp(z)",
        "Clevert et al. 2016",
    ),
    "selu": Formula(
        "f(z) = 1.0507 (z if z > 0 else 1.67326 (exp(z) - 1))",
        "f'(z) = 1.0507 (1 if z > 0 else 1.67326 exp(z))",
        "Klambauer et al. 2017",
    ),
    "gelu": Formula(
        "f(z) = z Phi(z), Phi(z) = (1 + erf(z / sqrt(2))) / 2",
        "f'(z) = Phi(z) + z exp(-z^2 / 2) / sqrt(2 pi)",
        "Hendrycks and Gimpel 2016",
    ),
    "silu": Formula(
        "f(z) = z s(z), s(z) = 1 / (1 + exp(-z))",
        "f'(z) = s(z) (1 + z (1 - s(z)))",
        "Elfwing et al. 2018",
    ),
    "mish": Formula(
        "f(z) = z tanh(softplus(z)), softplus(z) = log(1 + exp(z))",
        "f'(z) = t + z (1 - t^2) s(z), t = tanh(softplus(z)), s(z) = 1 / (1 + exp(-z))",
        "Misra 2019",
    ),
    "softplus": Formula(
        "f(z) = log(1 + exp(z))", "f'(z) = 1 / (1 + exp(-z))", "Glorot et al. 2011"
    ),
    "softmax": Formula(
        "f(z)_k = exp(z_k) / sum_j exp(z_j)",
        "df_k/dz_j = f_k ((1 if j = k else 0) - f_j)",
        "Goodfellow et al. 2016, 4.1",
    ),
    "exponential": Formula("f(z) = exp(z)", "f'(z) = f(z)", "the inverse of the logarithmic link"),
}
"""Everything an activation may be called."""
