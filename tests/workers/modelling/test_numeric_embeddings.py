"""Waves of the numeric columns of a table, from the wish to a stored model."""

from __future__ import annotations

from tests.workers.modelling.tables import PENGUINS, ingested, trained
from workers.engine.spec import DenseSpec, NetworkSpec, NumericEmbeddingSpec, ResidualSpec
from workers.modelling.codec import model_from_bytes, model_to_bytes
from workers.modelling.plan import ModelWish, number_places
from workers.modelling.planned_inputs import first_width, planned_network
from workers.modelling.recipes import resolve

DATA = ingested(PENGUINS)
WAVES = NumericEmbeddingSpec(frequencies=8, dimension=3)


def test_numbers_have_waves_and_levels_and_indicators_have_none() -> None:
    spec = NetworkSpec(layers=(DenseSpec(units=8),), numeric_embeddings=WAVES)
    end = trained(DATA, ModelWish(target="species", network=spec, training={"epochs": 20}))
    numbers = [column.name for column in DATA.profile.columns if column.type == "numeric"]
    names = end.model.preprocessing.outputs
    places = number_places(end.model.preprocessing)
    assert [names[place] for place in places] == [n for n in numbers if n in names]
    network = end.model.network
    assert network.layout.shapes["numeric_embeddings.weight"] == (len(places), 8, 2)
    back = model_from_bytes(model_to_bytes(end.model))
    assert back.network == network
    assert back.parameters.tobytes() == end.model.parameters.tobytes()


def test_the_plan_knows_how_wide_they_are() -> None:
    spec = NetworkSpec(layers=(DenseSpec(units=8),), numeric_embeddings=WAVES)
    plan = resolve(ModelWish(target="species", network=spec), DATA.profile)
    planned = planned_network(plan, DATA.profile)
    columns = {column.name: column for column in DATA.profile.columns}
    width = first_width([columns[name] for name in plan.features], spec)
    assert planned.layers[0].n_inputs == width
    residual = NetworkSpec(
        layers=(DenseSpec(units=width), ResidualSpec()), numeric_embeddings=WAVES
    )
    assert resolve(ModelWish(target="species", network=residual), DATA.profile)
