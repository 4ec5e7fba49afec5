"""What the engine shall reach: its speed over a peer's fastest form, its share of the peak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.contenders.catalogue import SERVED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.rounds import Speed

PEERS = {
    "scikit-learn": ("scikit-learn",),
    "PyTorch": ("PyTorch, eager", "PyTorch, compiled"),
    "JAX": ("JAX, NumPy's order", "JAX, its own order"),
    "sgemm peak": ("square products", "products of the step"),
    "its products alone": ("products of the step",),
}
"""A peer's forms; the fastest of them counts."""


def _of_products(share: float) -> dict[str, float]:
    """The same of what the processor can do, and of what its BLAS does with a step's products."""
    return {"sgemm peak": share, "its products alone": share}


GOALS: Mapping[str, Mapping[str, float]] = {
    "tiny": {"scikit-learn": 30.0, "PyTorch": 50.0, "JAX": 3.0},
    "small": {"scikit-learn": 7.5, "PyTorch": 10.0, "JAX": 1.4},
    "medium": {"scikit-learn": 2.0, "PyTorch": 1.5, "JAX": 1.15} | _of_products(0.84),
    "medium-512": {},
    "large": {"PyTorch": 1.1} | _of_products(0.90),
}


@dataclass(frozen=True)
class Ratio:
    """Our speed over the peer's; no goal was set for every pair."""

    peer: str
    form: str
    value: float
    goal: float | None

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.goal is None:
            return "-"
        return "met" if self.value >= self.goal else "MISSED"


def ratios(shape: str, speeds: Sequence[Speed]) -> list[Ratio]:
    """Every peer that ran, by its fastest form, beside what the service uses."""
    medians = {speed.name: speed.median for speed in speeds}
    found = []
    for peer, forms in PEERS.items():
        present = [form for form in forms if form in medians]
        if SERVED in medians and present:
            form = max(present, key=medians.__getitem__)
            goal = GOALS[shape].get(peer)
            found.append(Ratio(peer, form, medians[SERVED] / medians[form], goal))
    return found
