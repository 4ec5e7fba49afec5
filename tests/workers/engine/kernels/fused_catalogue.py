"""Every elementwise kernel of the GPU path, for the tests that walk over all of them."""

from __future__ import annotations

from workers.engine.kernels.fused import (
    activations,
    dropout,
    losses,
    losses_softmax,
    prelu,
    softmax,
    updates,
)

ACTIVATION_KERNELS = [
    kernel
    for name in activations.POINTWISE
    for kernel in (
        activations.forward_kernel(name, learning=False),
        activations.forward_kernel(name, learning=True),
        activations.backward_kernel(name),
    )
]

KERNELS = list(
    dict.fromkeys(
        [
            *ACTIVATION_KERNELS,
            prelu.FORWARD,
            prelu.FORWARD_KEPT,
            prelu.BACKWARD,
            softmax.SHIFTED_EXP,
            softmax.SHARE,
            softmax.THROUGH_JACOBIAN,
            dropout.MASK,
            *(losses.kernel(name) for name in losses.ELEMENT_LOSSES),
            losses_softmax.CROSS_ENTROPY,
            losses_softmax.AT_LABEL,
            losses_softmax.FOCAL,
            *(form.kernel() for form in updates.FORMS),
            updates.DECAY,
        ]
    )
)
