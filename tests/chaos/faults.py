"""The faults: each strikes once, some last a while, none strikes what is down already."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import psutil
from sqlalchemy import text

from service.errors import UnavailableError
from tests.chaos.bells import ring_wildly
from tests.chaos.rot import flip_a_byte
from tests.chaos.site import LEASE_S, Database, Site
from tests.chaos.victims import Victims


class NotNowError(Exception):
    """The fault cannot strike as things are."""


@dataclass(frozen=True)
class Lasting:
    """A fault that is under way: what it holds, for how long, and how it ends."""

    target: object
    seconds: float
    end: Callable[[], object]


@dataclass(frozen=True)
class Scene:
    """What faults strike at."""

    site: Site
    rng: Random
    victims: Victims
    pause_a_run: Callable[[], object]
    held: set[object] = field(default_factory=set)
    """Targets of faults that are under way."""

    def aim(self, target: object) -> None:
        """Check that no fault is under way there.

        Raises:
            NotNowError: there is.
        """
        if target in self.held:
            raise NotNowError


@dataclass(frozen=True)
class Fault:
    """A kind of fault; `weight` says how often it is drawn among the others."""

    name: str
    weight: int
    strike: Callable[[Scene], Lasting | None]
    databases: tuple[Database, ...] = ("sqlite", "postgresql")


def _kill_worker(scene: Scene) -> None:
    worker = scene.rng.choice(scene.victims.busy(scene.site.workers))
    scene.victims.note(worker)
    worker.send(signal.SIGKILL)


def _kill_child(scene: Scene) -> None:
    child = _a_child(scene)
    with suppress(psutil.NoSuchProcess):
        child.kill()


def _drain_worker(scene: Scene) -> None:
    scene.rng.choice(scene.victims.busy(scene.site.workers)).send(signal.SIGTERM)


def _freeze_worker(scene: Scene) -> Lasting:
    worker = scene.rng.choice(scene.site.workers)
    scene.aim(worker)
    worker.send(signal.SIGSTOP)
    pid = worker.pid
    return Lasting(worker, _past_the_lease(scene.rng), lambda: _thaw(pid))


def _freeze_child(scene: Scene) -> Lasting:
    child = _a_child(scene)
    with suppress(psutil.NoSuchProcess):
        child.suspend()
    return Lasting(child, _past_the_lease(scene.rng), lambda: _thaw(child.pid))


def _kill_api(scene: Scene) -> None:
    scene.site.api.send(signal.SIGKILL)


def _kill_reconciler(scene: Scene) -> None:
    scene.rng.choice(scene.site.reconcilers).send(signal.SIGKILL)


def _freeze_reconciler(scene: Scene) -> Lasting:
    reconciler = scene.rng.choice(scene.site.reconcilers)
    scene.aim(reconciler)
    reconciler.send(signal.SIGSTOP)
    pid = reconciler.pid
    return Lasting(reconciler, _past_the_lease(scene.rng), lambda: _thaw(pid))


def _kill_redis(scene: Scene) -> Lasting:
    redis = scene.site.redis
    scene.aim(redis)
    redis.kill()
    return Lasting(redis, scene.rng.uniform(0.0, 4.0), redis.start)


def _hang_redis(scene: Scene) -> Lasting:
    redis = scene.site.redis
    scene.aim(redis)
    redis.freeze()
    return Lasting(redis, scene.rng.uniform(1.0, 8.0), redis.thaw)


def _flush_redis(scene: Scene) -> None:
    scene.aim(scene.site.redis)
    scene.site.redis.flush()


def _ring_wildly(scene: Scene) -> None:
    with suppress(UnavailableError):
        ring_wildly(scene.site, scene.rng)


def _crash_postgres(scene: Scene) -> Lasting:
    postgres = scene.site.postgres
    assert postgres is not None
    scene.aim(postgres)
    postgres.stop(signal.SIGQUIT)
    return Lasting(postgres, scene.rng.uniform(0.0, 3.0), postgres.start)


def _blackhole(scene: Scene) -> Lasting:
    proxy = scene.rng.choice(scene.site.proxies)
    scene.aim(proxy)
    proxy.blackhole()
    return Lasting(proxy, scene.rng.uniform(1.0, 3.5) * LEASE_S, proxy.heal)


def _mute(scene: Scene) -> Lasting:
    proxy = scene.rng.choice(scene.site.proxies)
    scene.aim(proxy)
    proxy.mute()
    return Lasting(proxy, scene.rng.uniform(0.5, 1.5) * LEASE_S, proxy.heal)


def _cut_commit(scene: Scene) -> None:
    proxy = scene.rng.choice(scene.site.proxies)
    scene.aim(proxy)
    proxy.cut_at(b"COMMIT", is_answered=scene.rng.random() < 0.5)


def _lock_database(scene: Scene) -> Lasting:
    scene.aim(scene.site.sessions)
    # Longer than a lease: nobody can write, heartbeats among them.
    lock = scene.site.sessions.begin()
    session = lock.__enter__()
    session.execute(text("SELECT 1"))
    seconds = scene.rng.uniform(0.5, 2.0) * LEASE_S
    return Lasting(scene.site.sessions, seconds, lambda: lock.__exit__(None, None, None))


def _flip_a_byte(scene: Scene) -> None:
    scene.aim(scene.site.sessions)
    try:
        flipped = flip_a_byte(scene.site.sessions, scene.rng)
    except UnavailableError:
        flipped = False
    if not flipped:
        raise NotNowError


def _pause_a_run(scene: Scene) -> None:
    scene.pause_a_run()


def _past_the_lease(rng: Random) -> float:
    return rng.uniform(1.2, 2.5) * LEASE_S


def _a_child(scene: Scene) -> psutil.Process:
    workers = scene.victims.busy(scene.site.workers)
    found = [child for worker in workers for child in worker.children()]
    if not found:
        raise NotNowError
    return scene.rng.choice(found)


def _thaw(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).resume()


FAULTS: tuple[Fault, ...] = (
    Fault("kill -9 worker", 10, _kill_worker),
    Fault("kill -9 pool child", 10, _kill_child),
    Fault("SIGTERM worker", 8, _drain_worker),
    Fault("SIGSTOP worker past its lease", 4, _freeze_worker),
    Fault("SIGSTOP pool child past its lease", 6, _freeze_child),
    Fault("kill -9 API", 5, _kill_api),
    Fault("kill -9 reconciler", 4, _kill_reconciler),
    Fault("SIGSTOP reconciler", 2, _freeze_reconciler),
    Fault("kill -9 Redis, all data lost", 6, _kill_redis),
    Fault("Redis hangs", 5, _hang_redis),
    Fault("FLUSHALL", 4, _flush_redis),
    Fault("junk, repeated and forged bells", 4, _ring_wildly),
    Fault("a byte of the latest checkpoint flips", 6, _flip_a_byte),
    Fault("user pauses and resumes", 6, _pause_a_run),
    Fault("PostgreSQL crashes", 6, _crash_postgres, ("postgresql",)),
    Fault("worker's database a black hole", 4, _blackhole, ("postgresql",)),
    Fault("worker's database answers nothing", 3, _mute, ("postgresql",)),
    Fault("connection cut at COMMIT", 6, _cut_commit, ("postgresql",)),
    Fault("database locked by another writer", 6, _lock_database, ("sqlite",)),
)
