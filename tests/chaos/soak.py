"""One soak: a site, references, a storm over runs that keep coming, and the judgement."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx2
from sqlalchemy import select

from service.store.blobs import Blobs
from service.store.tables import DatasetRow, RunRow
from tests.chaos.judge import judge
from tests.chaos.load import Load
from tests.chaos.logs import Logs
from tests.chaos.reference import train_undisturbed
from tests.chaos.report import Report
from tests.chaos.site import LEASE_S, Database, Site
from tests.chaos.storm import Storm
from tests.chaos.trainings import TRAININGS, scaled, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chaos.judge import Verdict
    from tests.chaos.load import Answers
    from tests.chaos.reference import Reference

# Long enough on a busy machine, for a run that begins anew and backs off in between.
_QUIET_S = 300.0
_START_S = 60.0
# Between two faults at the mean: on a machine so busy that trainings take longer, also longer, or
# they would be broken off without end, which the crash budget ends.
_PAUSE_S = 2.5
_PAUSE = 0.3


@dataclass(frozen=True)
class Soak:
    """What to do, to be repeated from its seed."""

    seed: int
    minutes: float
    database: Database
    folder: Path
    scale: float = 1.0
    """Of the trainings' lengths."""
    least_faults: int = 0
    """However long they take: on a busy machine they are further apart."""
    say: Callable[[str], object] = lambda _: None
    """Told what is going on."""

    def run(self) -> Report:
        """Start everything, break it, judge it; nothing that was started is left."""
        self.say(f"starting the service on {self.database} in {self.folder}")
        site = Site(self.folder, self.database)
        try:
            site.await_ready()
            return self._storm_over(site)
        finally:
            site.close()

    def _storm_over(self, site: Site) -> Report:
        dataset_id = _upload(site)
        bodies = {
            name: {**training, "dataset_id": dataset_id}
            for name, training in scaled(TRAININGS, self.scale).items()
        }
        load = Load(site, bodies, f"chaos-{self.seed}")
        load.start()
        try:
            references = self._references(site, load)
            storm = Storm(site, load, seed=self.seed)
            pause_s = max(_PAUSE_S, _PAUSE * median(r.seconds for r in references.values()))
            self.say(f"storm of seed {self.seed}, {self.minutes:g} minutes, every {pause_s:.1f} s")
            storm.rage(60.0 * self.minutes, self.database, least=self.least_faults, pause_s=pause_s)
            self.say(f"{storm.struck.total()} faults; waiting for the runs under way")
            load.want_no_more()
            site.await_that(load.is_satisfied, _QUIET_S)
            n_faults = storm.struck.total()
            verdict = judge(site.sessions, load.wishes, references, n_faults)
        finally:
            load.stop()
        return self._report(site, load.answers, storm, verdict)

    def _report(self, site: Site, answers: Answers, storm: Storm, verdict: Verdict) -> Report:
        logs = Logs(site.logs())
        comebacks = storm.victims.comebacks()
        return Report(
            seed=self.seed,
            database=self.database,
            minutes=storm.raged_s / 60.0,
            lease_s=LEASE_S,
            faults=dict(storm.struck),
            verdict=verdict,
            fenced_off=logs.count("lost to another attempt"),
            seconds_to_notice=tuple(sorted(comeback.noticed_s for comeback in comebacks)),
            seconds_to_resume=tuple(sorted(comeback.resumed_s for comeback in comebacks)),
            post_seconds=tuple(sorted(answers.post_s)),
            refused_seconds=tuple(sorted(answers.refused_s)),
            unexpected=(*answers.unexpected, *logs.unexplained()),
        )

    def _references(self, site: Site, load: Load) -> Mapping[str, Reference]:
        """Train once of each kind here, on what the API resolved the requests to."""
        if not site.await_that(lambda: len(_accepted(load)) == len(TRAININGS), _START_S):
            raise RuntimeError(f"Nothing is accepted: {load.answers.unexpected}")
        with site.sessions.read() as session:
            digest = session.scalars(select(DatasetRow.blob_sha256)).one()
            parquet = Blobs().get(session, str(digest))
            specs = dict(session.execute(select(RunRow.id, RunRow.spec)).all())
        references = {}
        for name, run_id in _accepted(load).items():
            references[name] = train_undisturbed(json.loads(specs[run_id]), parquet)
            self.say(f"undisturbed: {name}, {references[name].seconds:.1f} s")
        return references


def _upload(site: Site) -> str:
    answer = httpx2.post(
        f"{site.base_url}/v1/datasets",
        files={"file": ("wave.csv", table(), "text/csv")},
        headers={"Authorization": f"Bearer {site.key}"},
        timeout=60.0,
    )
    resource: dict[str, Any] = answer.raise_for_status().json()
    return str(resource["id"])


def _accepted(load: Load) -> dict[str, str]:
    """Return a run of each training that the API took."""
    wishes = list(load.wishes)
    return {wish.training: wish.run_id for wish in wishes if wish.run_id is not None}
