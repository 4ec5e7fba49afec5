"""Models in memory: the most recently used, within a bound on their bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from workers.modelling.fitted import FittedModel

if TYPE_CHECKING:
    from service.clock import Clock

MAX_BYTES = 256 * 2**20
# A deleted model stops answering after at most so long.
RECHECK_SECONDS = 5.0
# And a bare name means its latest version at most so late: under load one look at the database
# then serves many predictions.
LATEST_SECONDS = 0.25
_MAX_REFERENCES = 10_000


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to predict."""

    id: str
    fitted: FittedModel
    n_bytes: int


class ModelCache:
    """Keeps models by project and id, and for a moment which model a reference meant."""

    def __init__(self, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._models: OrderedDict[tuple[str, str], LoadedModel] = OrderedDict()
        self._references: dict[tuple[str, str], tuple[str, float]] = {}
        self._n_bytes = 0
        self._lock = Lock()

    def recall(self, project_id: str, ref: str) -> LoadedModel | None:
        """Return what a reference meant a moment ago, without asking the database."""
        with self._lock:
            known = self._references.get((project_id, ref))
            if known is None or known[1] <= self._clock.monotonic_s():
                return None
            return self._use(project_id, known[0])

    def get(self, project_id: str, model_id: str) -> LoadedModel | None:
        """Return a model that is in memory."""
        with self._lock:
            return self._use(project_id, model_id)

    def remember(self, project_id: str, ref: str, model_id: str) -> None:
        """Note what a reference means, for as long as that may be late."""
        is_name = ref != model_id and ":" not in ref
        seconds = LATEST_SECONDS if is_name else RECHECK_SECONDS
        with self._lock:
            if len(self._references) >= _MAX_REFERENCES:
                self._references.clear()
            until_s = self._clock.monotonic_s() + seconds
            self._references[project_id, ref] = (model_id, until_s)

    def put(self, project_id: str, model: LoadedModel) -> None:
        """Keep a model; the least recently used ones make room."""
        with self._lock:
            before = self._models.pop((project_id, model.id), None)
            self._n_bytes += model.n_bytes - (before.n_bytes if before else 0)
            self._models[project_id, model.id] = model
            while self._n_bytes > self._max_bytes and len(self._models) > 1:
                _, oldest = self._models.popitem(last=False)
                self._n_bytes -= oldest.n_bytes

    def _use(self, project_id: str, model_id: str) -> LoadedModel | None:
        model = self._models.get((project_id, model_id))
        if model is not None:
            self._models.move_to_end((project_id, model_id))
        return model
