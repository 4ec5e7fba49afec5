"""What a wish becomes on a table: the recipes, and what the user set over them.

Only the table's profile is read, so that the API can resolve a run before it accepts it. Every
decision is a function of the wish and the profile.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workers.engine.spec import (
    AdamSpec,
    DenseSpec,
    EarlyStoppingSpec,
    NetworkSpec,
    TrainingSpec,
)
from workers.modelling.feature_choice import choose_features, input_width
from workers.modelling.findings import Findings
from workers.modelling.output_layer import resolve_network, resolve_output
from workers.modelling.plan import ModelPlan, ModelWish, PlanLimits
from workers.modelling.row_division import divide
from workers.modelling.size_checks import check_size
from workers.modelling.target_task import decide_target

if TYPE_CHECKING:
    from workers.modelling.row_division import Division
    from workers.tabular.profile import TableProfile

DEFAULT_LIMITS = PlanLimits()


def resolve(
    wish: ModelWish, profile: TableProfile, limits: PlanLimits = DEFAULT_LIMITS
) -> ModelPlan:
    """The plan for a wish: what the user set stands, the recipe decides the rest.

    Raises PlanError with every problem found, by pointers into the run's request.
    """
    findings = Findings()
    method = wish.preprocessing or "standard"
    target = decide_target(wish, profile, limits.classes, findings)
    features = choose_features(wish, profile, method, findings)
    division = divide(wish, target, findings) if target else None
    output = resolve_output(wish, target, method, findings) if target else None
    if target is None or division is None or output is None:
        raise findings.error()
    recipe, hidden = _network(wish, division.n_train)
    network = resolve_network(hidden, output.activation)
    training = TrainingSpec(
        **_training_defaults(recipe, division)
        | {"loss": output.loss}
        | _checked_training(wish, division, findings)
    )
    plan = ModelPlan(
        target=wish.target,
        features=tuple(column.name for column in features),
        task=target.task,
        classes=target.classes,
        network=network,
        preprocessing=method,
        training=training,
        split=division.spec,
        seed=wish.seed,
        recipe=recipe,
        warnings=findings.warnings,
    )
    check_size(plan, input_width(features), division.n_train, limits, findings)
    if findings.problems:
        raise findings.error()
    return plan


def _network(wish: ModelWish, n_train: int) -> tuple[str, NetworkSpec]:
    if isinstance(wish.network, NetworkSpec):
        return "custom", wish.network
    if wish.network == "linear":
        return "linear", NetworkSpec()
    return "mlp", _mlp(n_train)


def _mlp(n_train: int) -> NetworkSpec:
    """Two hidden layers of ReLU, as wide as the rows can teach."""
    units = 32 if n_train < 500 else 64 if n_train < 4000 else 128
    return NetworkSpec(layers=(DenseSpec(units=units), DenseSpec(units=units)))


def _training_defaults(recipe: str, division: Division) -> dict[str, Any]:
    n_train = division.n_train
    if recipe == "custom":
        return {"epochs": 100, "batch_size": min(32, n_train), "optimizer": AdamSpec()}
    batch_size = _batch_size(n_train)
    steps = math.ceil(n_train / batch_size)
    epochs = min(max(64, math.ceil(2000 / steps)), 400)
    stopping = EarlyStoppingSpec(patience=max(epochs // 5, 10)) if division.n_validation else None
    learning_rate = 0.01 if recipe == "linear" else 0.002
    return {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": AdamSpec(learning_rate=learning_rate),
        "early_stopping": stopping,
    }


def _batch_size(n_train: int) -> int:
    """A power of two near a sixteenth of the rows, within 16 and 256."""
    power_of_two: int = 1 << max(n_train // 16, 1).bit_length() - 1
    return min(max(power_of_two, 16), 256, n_train)


def _checked_training(wish: ModelWish, division: Division, findings: Findings) -> dict[str, Any]:
    """The fields that the user set, but for the loss, which is resolved with the output layer."""
    wished = {name: value for name, value in wish.training.items() if name != "loss"}
    if wished.get("batch_size", 1) > division.n_train:
        detail = f"A batch cannot be larger than the {division.n_train} rows that train."
        findings.problem("/training/batch_size", "batch_gt_rows", detail, division.n_train)
    stopping = wished.get("early_stopping")
    if stopping is not None and stopping.monitor == "val_loss" and not division.n_validation:
        detail = "Without validation rows there is no val_loss: monitor train_loss instead."
        findings.problem("/training/early_stopping/monitor", "no_validation_rows", detail)
    return wished
