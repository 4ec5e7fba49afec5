"""The tables, one file per aggregate; importing this package fills `Base.metadata`."""

from service.store.tables.base import Base
from service.store.tables.blobs import BlobChunkRow, BlobRow
from service.store.tables.datasets import DatasetRow
from service.store.tables.idempotency import IdempotencyKeyRow
from service.store.tables.models import ModelNameRow, ModelRow
from service.store.tables.networks import NetworkRow
from service.store.tables.progress import CheckpointRow, EpochRow, EventRow
from service.store.tables.projects import ApiKeyRow, ProjectRow
from service.store.tables.pulses import PulseRow
from service.store.tables.runs import RunRow, is_unfinished
from service.store.tables.workers import WorkerRow

__all__ = [
    "ApiKeyRow",
    "Base",
    "BlobChunkRow",
    "BlobRow",
    "CheckpointRow",
    "DatasetRow",
    "EpochRow",
    "EventRow",
    "IdempotencyKeyRow",
    "ModelNameRow",
    "ModelRow",
    "NetworkRow",
    "ProjectRow",
    "PulseRow",
    "RunRow",
    "WorkerRow",
    "is_unfinished",
]
