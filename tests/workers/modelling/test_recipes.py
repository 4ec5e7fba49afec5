from __future__ import annotations

import math
from typing import Any

import pytest

from tests.workers.modelling.tables import PENGUINS, codes_of, csv_of, ingested
from workers.engine.spec import (
    AdamSpec,
    BinaryCrossEntropySpec,
    DenseSpec,
    EarlyStoppingSpec,
    Loss,
    MseSpec,
    NetworkSpec,
    OutputSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
)
from workers.modelling.plan import ModelWish, PlanLimits
from workers.modelling.recipes import resolve

DATA = ingested(PENGUINS)
WRITTEN = NetworkSpec(layers=(DenseSpec(units=8), DenseSpec(units=4, activation="tanh")))
SPECIES, SEX, MASS = "species", "sex", "body_mass_g"
MISMATCH = "spec_dataset_mismatch"


def test_dataset_and_target_suffice() -> None:
    plan = resolve(ModelWish(target=SPECIES), DATA.profile)
    assert (plan.recipe, plan.task, plan.classes) == ("auto", "multiclass", 3)
    assert plan.network.output == OutputSpec(activation="softmax", initializer="glorot_uniform")
    assert plan.training.loss == SoftmaxCrossEntropySpec()
    assert plan.training.early_stopping is not None
    assert plan.training.early_stopping.restore_best


def test_nothing_of_a_plan_is_left_open() -> None:
    for network in ("auto", "linear", "mlp", WRITTEN):
        plan = resolve(ModelWish(target=SPECIES, network=network), DATA.profile)
        assert plan.network.output is not None
        dense = [layer for layer in plan.network.layers if isinstance(layer, DenseSpec)]
        assert all(layer.initializer is not None for layer in dense)
        assert plan.network.output.initializer is not None
        assert plan.training.schedule is not None


def test_the_linear_recipe_has_no_hidden_layer() -> None:
    plan = resolve(ModelWish(target=MASS, network="linear"), DATA.profile)
    assert (plan.recipe, plan.network.layers) == ("linear", ())
    assert plan.network.output == OutputSpec(activation="identity", initializer="glorot_uniform")
    assert plan.training.loss == MseSpec()


def test_a_network_that_is_written_out_trains_as_the_contract_says() -> None:
    plan = resolve(ModelWish(target=SPECIES, network=WRITTEN), DATA.profile)
    assert plan.recipe == "custom"
    initializers = [getattr(layer, "initializer", None) for layer in plan.network.layers]
    assert initializers == ["he_uniform", "glorot_uniform"]
    training = plan.training
    assert (training.epochs, training.batch_size) == (100, 32)
    assert training.optimizer == AdamSpec()
    assert training.early_stopping is None


def test_what_the_user_set_wins_over_the_recipe() -> None:
    wished: dict[str, Any] = {
        "epochs": 7,
        "batch_size": 5,
        "optimizer": SgdSpec(learning_rate=0.5),
        "early_stopping": None,
        "shuffle": False,
        "precision": "float64",
    }
    for network in ("auto", "linear", WRITTEN):
        training = resolve(
            ModelWish(target=SPECIES, network=network, training=wished), DATA.profile
        ).training
        assert {name: getattr(training, name) for name in wished} == wished


def test_the_recipes_take_a_thousand_steps_or_more() -> None:
    for n in (12, 100, 5000):
        data = ingested(csv_of("x,y", ((i * 0.7, i * i * 0.3) for i in range(n))))
        for network in ("mlp", "linear"):
            plan = resolve(ModelWish(target="y", network=network), data.profile)
            steps = math.ceil(n * 0.8 / plan.training.batch_size)
            assert plan.training.epochs * steps >= 1000 or plan.training.epochs >= 256


def test_the_same_wish_is_resolved_the_same_way() -> None:
    wish = ModelWish(target=SPECIES, seed=5)
    assert resolve(wish, DATA.profile) == resolve(wish, DATA.profile)


@pytest.mark.parametrize(
    ("target", "output", "loss", "problem"),
    [
        (MASS, None, BinaryCrossEntropySpec(), "/training/loss"),
        (MASS, "softmax", None, "/network/output/activation"),
        (SPECIES, "identity", None, "/network/output/activation"),
        (SPECIES, "softmax", MseSpec(), "/training/loss"),
        (SEX, "sigmoid", SoftmaxCrossEntropySpec(), "/network/output/activation"),
        (SEX, "tanh", None, "/network/output/activation"),
    ],
)
def test_output_and_loss_must_fit_the_target(
    target: str, output: Any, loss: Loss | None, problem: str
) -> None:
    wish = ModelWish(
        target=target,
        network=NetworkSpec(output=OutputSpec(activation=output) if output else None),
        training={"loss": loss} if loss else {},
    )
    assert codes_of(DATA, wish) == {f"{problem} {MISMATCH}"}


@pytest.mark.parametrize(
    ("target", "output", "loss", "expected"),
    [
        (SEX, None, None, ("sigmoid", BinaryCrossEntropySpec())),
        (SEX, "softmax", None, ("softmax", SoftmaxCrossEntropySpec())),
        (SEX, None, SoftmaxCrossEntropySpec(), ("softmax", SoftmaxCrossEntropySpec())),
        (SEX, None, MseSpec(), ("sigmoid", MseSpec())),
        (MASS, "tanh", None, ("tanh", MseSpec())),
    ],
)
def test_output_and_loss_follow_from_each_other(
    target: str, output: Any, loss: Loss | None, expected: tuple[str, Loss]
) -> None:
    wish = ModelWish(
        target=target,
        network=NetworkSpec(output=OutputSpec(activation=output) if output else None),
        training={"loss": loss} if loss else {},
    )
    plan = resolve(wish, DATA.profile)
    assert plan.network.output is not None
    assert (plan.network.output.activation, plan.training.loss) == expected


def test_an_output_that_cannot_reach_the_target_is_warned_of() -> None:
    network = NetworkSpec(output=OutputSpec(activation="relu"))
    wish = ModelWish(target=MASS, network=network)
    assert [w.code for w in resolve(wish, DATA.profile).warnings] == ["output_range"]
    raw = ModelWish(
        target=MASS, features=("flipper_length_mm",), network=network, preprocessing="none"
    )
    assert "output_range" not in [w.code for w in resolve(raw, DATA.profile).warnings]


def test_a_batch_cannot_be_larger_than_the_training_rows() -> None:
    fitting = ModelWish(target=SPECIES, training={"batch_size": 275})
    assert codes_of(DATA, fitting) == set()
    larger = ModelWish(target=SPECIES, training={"batch_size": 276})
    assert codes_of(DATA, larger) == {"/training/batch_size batch_gt_rows"}


def test_what_is_too_large_is_refused_with_the_limit() -> None:
    wide = NetworkSpec(layers=(DenseSpec(units=5000), DenseSpec(units=5000)))
    assert codes_of(DATA, ModelWish(target=SPECIES, network=wide)) == {"/network model_too_large"}
    few = {"epochs": 10, "batch_size": 100}
    # Four members of an ensemble each take all the steps.
    assert codes_of(DATA, ModelWish(target=SPECIES, training=few), PlanLimits(steps=120)) == set()
    wish = ModelWish(target=SPECIES, training=few | {"members": 1})
    assert codes_of(DATA, wish, PlanLimits(steps=30)) == set()
    assert codes_of(DATA, wish, PlanLimits(steps=29)) == {"/training/epochs too_many_steps"}
    small = PlanLimits(memory_bytes=10_000)
    assert codes_of(DATA, wish, small) == {"/training too_much_memory"}


def test_all_problems_are_reported_at_once() -> None:
    wish = ModelWish(
        target=MASS,
        features=("sex", "colour"),
        network=NetworkSpec(output=OutputSpec(activation="softmax")),
        preprocessing="none",
        split={"method": "stratified"},
        training={
            "batch_size": 1000,
            "early_stopping": EarlyStoppingSpec(),
        },
    )
    assert codes_of(DATA, wish) == {
        "/features/0 feature_type",
        "/features/1 unknown_column",
        f"/split/method {MISMATCH}",
        f"/network/output/activation {MISMATCH}",
        "/training/batch_size batch_gt_rows",
    }
