"""The contenders by name: where each is written, and in whose environment it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """A function of a module of this package; `is_ours` runs in .venv, a peer in .venv-bench.

    A round trains `members` networks, each on all rows.
    """

    module: str
    function: str
    is_ours: bool = False
    members: int = 1


SERVED = "slope"

TRAININGS = {
    SERVED: Contender("slope", "served", is_ours=True),
    "slope, 20% validation": Contender("slope", "served_with_validation", is_ours=True),
    "slope, bare loop": Contender("slope", "bare", is_ours=True),
    "slope, op by op": Contender("slope", "op_by_op", is_ours=True),
    "slope, plain NumPy": Contender("slope", "plain", is_ours=True),
    "scikit-learn": Contender("scikit_learn", "classifier"),
    "PyTorch, eager": Contender("pytorch", "eager"),
    "PyTorch, compiled": Contender("pytorch", "compiled"),
    "JAX, NumPy's order": Contender("jax_scan", "order_given"),
    "JAX, its own order": Contender("jax_scan", "order_drawn"),
    "products of the step": Contender("products", "of_the_step", is_ours=True),
    "square products": Contender("products", "squares", is_ours=True),
}

MEMBERS = 32

STACKS = {
    f"{way}, {form}": Contender("slope_stacked", f"{way}_{form}", is_ours=True, members=MEMBERS)
    for form in ("plain", "compiled", "chunk")
    for way in ("stacked", "alone")
}

CONTENDERS = TRAININGS | STACKS
