"""What is wrong with a wish on whatever table: what can be known before there is one."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args

from workers.engine.spec import DenseSpec, MseSpec, NetworkSpec, TrainingSpec
from workers.modelling.embedding_choice import check_repetition
from workers.modelling.findings import Findings
from workers.modelling.hidden_layers import check_layers, check_residuals
from workers.modelling.output_layer import tasks_for
from workers.modelling.plan import Task
from workers.modelling.size_checks import note_parameters
from workers.modelling.training_choice import check_consistency
from workers.modelling.weight_checks import note_no_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.modelling.plan import ModelWish, PlanLimits

# In place of what a recipe would choose on a table: nothing of it can be what is wrong.
_UNSAID: dict[str, Any] = {"epochs": sys.maxsize, "batch_size": sys.maxsize, "loss": MseSpec()}


def check_open_wish(wish: ModelWish, limits: PlanLimits) -> Findings:
    """Everything that no table can mend, by the codes and pointers that a run gets."""
    findings = Findings()
    training = TrainingSpec(**_UNSAID | dict(wish.training))
    if isinstance(wish.network, NetworkSpec):
        check_residuals(wish.network.layers, None, findings)
        check_layers(wish.network, training, findings)
        check_repetition(wish.embeddings, findings)
        _check_size(wish.network, limits, findings)
    tasks = tasks_for(wish, _possible_tasks(wish), findings)
    if tasks:
        check_consistency(training, tasks, findings)
    if tasks == ("regression",) and training.class_weight is not None:
        note_no_classes(findings)
    return findings


def _possible_tasks(wish: ModelWish) -> Sequence[Task]:
    if wish.task is not None:
        return (wish.task,)
    return get_args(Task) if isinstance(wish.target, str) else ("regression",)


def _check_size(network: NetworkSpec, limits: PlanLimits, findings: Findings) -> None:
    """The weights between hidden layers are there whatever goes in, and whatever comes out."""
    units = [layer.units for layer in network.layers if isinstance(layer, DenseSpec)]
    least = sum(above * below for above, below in pairwise(units))
    if least > limits.parameters:
        note_parameters(f"{least} parameters between the hidden layers", limits, findings)
