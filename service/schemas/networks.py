"""Networks on the wire: the engine's spec with a name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.targets import TargetColumns
from service.schemas.training import TrainingWish
from service.schemas.wire import Name, ProblemItem, UtcTime, Wire
from workers.engine.spec import (
    MAX_EMBEDDINGS,
    MAX_LAYERS,
    EmbeddingSpec,
    Layer,
    Members,
    NetworkSpec,
    NumericEmbeddingSpec,
    OutputSpec,
    TrainingSpec,
)

Layers = Annotated[list[Layer], Field(max_length=MAX_LAYERS)]
Embeddings = Annotated[list[EmbeddingSpec], Field(max_length=MAX_EMBEDDINGS)]


class NetworkIn(Wire):
    """The hidden layers in order; the output layer follows from the target.

    `output` sets what else may be said of it, `skip` adds a linear path from inputs to outputs,
    `embeddings` gives each level of a categorical column a learned vector, `numeric_embeddings`
    each number learned waves of it; `members` above 1 makes it that many networks which share most
    of their weights and answer together.
    """

    name: Name | None = None
    layers: Layers
    output: OutputSpec | None = None
    skip: bool = False
    embeddings: Embeddings = Field([])
    numeric_embeddings: NumericEmbeddingSpec | None = None
    members: Members = 1

    def spec(self) -> NetworkSpec:
        """Return the engine's specification."""
        return NetworkSpec(
            layers=tuple(self.layers),
            output=self.output,
            skip=self.skip,
            embeddings=tuple(self.embeddings),
            numeric_embeddings=self.numeric_embeddings,
            members=self.members,
        )


class NetworkCreate(NetworkIn):
    """A network to keep under a name."""

    name: Name


class Network(Wire):
    """A stored network."""

    id: str
    name: str
    layers: Layers
    output: OutputSpec | None = None
    skip: bool = False
    embeddings: Embeddings = Field([])
    numeric_embeddings: NumericEmbeddingSpec | None = None
    members: Members = 1
    created_at: UtcTime


class NetworkValidate(Wire):
    """A network to look at without storing anything; with a dataset also against that."""

    network: NetworkIn
    training: TrainingWish = TrainingWish()
    dataset_id: str | None = None
    target: TargetColumns | None = None
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description='Whose time an epoch is told in; "auto" is that of a CPU.'
    )


class LayerShape(Wire):
    """One layer as it would be built; what hangs on an input width not known is null."""

    name: str
    type: str
    output_shape: list[int] | None
    parameters: int | None


class ResolvedNetwork(Wire):
    """Everything that "auto" and defaults became."""

    network: NetworkSpec
    training: TrainingSpec | None


class NetworkValidation(Wire):
    """What the network would be and cost; null where no dataset says the input width."""

    resolved: ResolvedNetwork
    layers: list[LayerShape]
    parameters: int | None
    memory_bytes: int | None
    flops_per_epoch: int | None
    seconds_per_epoch: float | None
    warnings: list[str]
    errors: list[ProblemItem]
