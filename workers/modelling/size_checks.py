"""Whether a plan stays within the limits of parameters, memory and steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workers.engine import cost

if TYPE_CHECKING:
    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec
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
    steps = training.epochs * math.ceil(division.n_train / training.batch_size)
    if steps > limits.steps:
        detail = f"{steps} steps of training; the limit is {limits.steps}."
        findings.problem("/training/epochs", "too_many_steps", detail, limits.steps)
    if network.n_parameters > limits.parameters:
        note_parameters(f"{network.n_parameters} parameters", limits, findings)
        return
    estimate = cost.estimate(network, training, division.n_train, division.n_validation)
    memory = estimate.memory_bytes
    if memory > limits.memory_bytes:
        detail = f"About {memory} bytes of memory for training; the limit is {limits.memory_bytes}."
        findings.problem("/training", "too_much_memory", detail, limits.memory_bytes)


def note_parameters(counted: str, limits: PlanLimits, findings: Findings) -> None:
    """Note that these are more parameters than a model may have."""
    detail = f"{counted}; the limit is {limits.parameters}."
    findings.problem("/network", "model_too_large", detail, limits.parameters)
