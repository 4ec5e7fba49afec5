"""Adam (Kingma and Ba 2015), epsilon outside the root, bias-corrected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.kernels.contract import Kernels
    from workers.engine.spec import AdamSpec
    from workers.engine.tensors import Array


class AdamOnParameters:
    """The step w -= lr m_hat / (sqrt(v_hat) + eps).

    The slots hold M = m / (1 - beta1) and V = v / (1 - beta2). With the bias corrections
    m_hat = m / (1 - beta1^n), v_hat = v / (1 - beta2^n) and s = sqrt((1 - beta2) / (1 - beta2^n))
    the step is lr (1 - beta1) / (1 - beta1^n) / s * M / (sqrt(V) + eps / s).
    """

    def __init__(
        self,
        spec: AdamSpec,
        parameters: Array,
        gradient: Array,
        slots: Mapping[str, Array],
        kernels: Kernels,
    ) -> None:
        self._spec = spec
        moments = (slots["m"], slots["v"])
        self._update = kernels.adam(parameters, gradient, moments, (spec.beta1, spec.beta2))

    def step(self, n: int, learning_rate: float) -> None:
        """Move each parameter by about the learning rate, whatever the size of its gradient."""
        spec = self._spec
        scale = math.sqrt((1.0 - spec.beta2) / (1.0 - spec.beta2**n))
        rate = learning_rate * (1.0 - spec.beta1) / (1.0 - spec.beta1**n) / scale
        self._update(rate, spec.epsilon / scale)
