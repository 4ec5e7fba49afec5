from __future__ import annotations

from typing import TYPE_CHECKING

from service.api import trace_examples
from tests.service.client.scripted_server import Answer

if TYPE_CHECKING:
    from tests.service.cli.conftest import Slope
    from tests.service.client.scripted_server import ScriptedServer

PATH = "/v1/networks/trace"


def test_a_step_is_written_with_its_gradients_and_its_update(
    server: ScriptedServer, slope: Slope
) -> None:
    server.on("POST", PATH, Answer(trace_examples.TRACE))
    done = slope("trace", "ds_1", "--target", "y", "--network", "[]", "--row", "0", "--row", "2")
    assert done.code == 0, done.err
    assert server.received[0].json() == {
        "dataset_id": "ds_1",
        "target": "y",
        "network": {"layers": []},
        "rows": [0, 2],
    }
    lines = [line.split() for line in done.out.splitlines()]
    assert ["ENTRY", "BEFORE", "GRADIENT", "DIFFERENCE", "AFTER"] in lines
    assert ["layers.0.weight[0]", "1", "-8", "-8", "1.8"] in lines
    assert ["layers.0.bias[0]", "0", "-5", "-5", "0.5"] in lines
    assert ["loss", "6.5", "->", "0.65"] in lines
    assert "agree" in done.out
    assert "float64" in done.err


def test_a_step_from_a_checkpoint_needs_no_more_words(server: ScriptedServer, slope: Slope) -> None:
    server.on("POST", PATH, Answer(trace_examples.TRACE))
    found = slope("trace", "ckpt_1", "--json").json()
    assert server.received[0].json() == {"checkpoint_id": "ckpt_1"}
    assert found["loss"]["mean"] == 6.5
