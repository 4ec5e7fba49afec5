"""Whether a plan stays within the limits of parameters, memory and steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workers.engine import cost

if TYPE_CHECKING:
    from workers.engine.network import Network
    from workers.engine.spec import SplitSpec, TrainingSpec
    from workers.modelling.findings import Findings
    from workers.modelling.plan import PlanLimits
    from workers.modelling.row_division import Division


def check_size(
    network: Network,
    training: TrainingSpec,
    division: Division,
    limits: PlanLimits,
    findings: Findings,
) -> None:
    """Note what is too large; the network is that of the most inputs."""
    trainings, memories = with_folds(division.spec)
    trainings *= training.members
    steps = trainings * training.epochs * math.ceil(division.n_train / training.batch_size)
    if steps > limits.steps:
        detail = f"{steps} steps of training; the limit is {limits.steps}."
        findings.problem("/training/epochs", "too_many_steps", detail, limits.steps)
    n_parameters = training.members * network.n_parameters
    if n_parameters > limits.parameters:
        note_parameters(f"{n_parameters} parameters", limits, findings)
        return
    estimate = cost.estimate(network, training, division.n_train, division.n_validation)
    memory = memories * estimate.memory_bytes
    if memory > limits.memory_bytes:
        detail = f"About {memory} bytes of memory for training; the limit is {limits.memory_bytes}."
        findings.problem("/training", "too_much_memory", detail, limits.memory_bytes)


def with_folds(split: SplitSpec) -> tuple[int, int]:
    """How many trainings a run is worth, and how many it has in memory at once.

    Each of k folds leaves 1/k of the rows out; the run's own arrays stay for its report.
    """
    return (1, 1) if split.folds is None else (split.folds, 2)


def note_parameters(counted: str, limits: PlanLimits, findings: Findings) -> None:
    """Note that these are more parameters than a model may have."""
    detail = f"{counted}; the limit is {limits.parameters}."
    findings.problem("/network", "model_too_large", detail, limits.parameters)
