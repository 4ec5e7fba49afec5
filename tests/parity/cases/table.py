"""All cases of a seed; the seed decides the numbers and, but for 0, the shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity.cases import functions, gradients, optimizers, scikit_learn, trainings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parity.case import Case


def cases(seed: int) -> Iterator[Case]:
    """In the order of the gates."""
    yield from functions.activations(seed)
    yield from functions.losses(seed)
    yield from functions.norms(seed)
    yield from optimizers.schedules(seed)
    yield from optimizers.trajectories(seed)
    yield from gradients.cases(seed)
    yield from trainings.cases(seed)
    yield from scikit_learn.cases(seed)
