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

# Rows that train. Chosen with the recipe's other numbers among 36 on nine public tables, by five
# folds below 2,000 rows: widths 32, 64, 128; tanh, ReLU; learning rates and batches around these.
SMALL_TABLE = 2_000
LARGE_TABLE = 20_000


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
    wished = _checked_training(wish, division, findings) if division else {}
    if target is None or division is None or output is None:
        raise findings.error()
    recipe, hidden = _network(wish, division.n_train)
    network = resolve_network(hidden, output.activation)
    defaults = _training_defaults(recipe, hidden, division)
    training = TrainingSpec(**defaults | {"loss": output.loss} | wished)
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
    """Two hidden layers; on small tables the smooth tanh generalised better than ReLU."""
    if n_train < SMALL_TABLE:
        layer = DenseSpec(units=32, activation="tanh")
    else:
        layer = DenseSpec(units=128, activation="relu")
    return NetworkSpec(layers=(layer, layer))


def _training_defaults(recipe: str, hidden: NetworkSpec, division: Division) -> dict[str, Any]:
    n_train = division.n_train
    # Without hidden layers the loss is convex: large steps cannot lead astray.
    learning_rate = 0.001 if n_train < SMALL_TABLE or recipe == "custom" else 0.003
    optimizer = AdamSpec(learning_rate=learning_rate if hidden.layers else 0.01)
    if recipe == "custom":
        return {"epochs": 100, "batch_size": min(32, n_train), "optimizer": optimizer}
    batch_size = _batch_size(n_train)
    epochs = _epochs(n_train, math.ceil(n_train / batch_size))
    patience = max(epochs // 7, 10)
    return {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "early_stopping": EarlyStoppingSpec(patience=patience) if division.n_validation else None,
    }


def _batch_size(n_train: int) -> int:
    if n_train < SMALL_TABLE:
        return min(max(n_train // 8, 8), 32, n_train)
    return 128 if n_train < LARGE_TABLE else 256


def _epochs(n_train: int, steps_per_epoch: int) -> int:
    """Early stopping ends most trainings sooner; the smallest tables need 2,000 steps or so."""
    if n_train < SMALL_TABLE:
        return min(max(math.ceil(3000 / steps_per_epoch), 300), 1000)
    return 100 if n_train < LARGE_TABLE else 64


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
