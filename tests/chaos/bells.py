"""Bells that nobody should ring: repeated ones, forged ones, and what is no message at all."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import redis
from sqlalchemy import select

from service.ids import new_id
from service.store.broker import QUEUE_CPU, Broker, BrokerUnavailableError
from service.store.tables import RunRow

if TYPE_CHECKING:
    from random import Random

    from tests.chaos.site import Site

N_BELLS = 12
# What Celery finds in a Redis list, where it expects JSON of its own.
_JUNK = (
    b"",
    b"not json",
    b"\x80\x04N.",
    b"[]",
    b"{}",
    b'{"body": "!", "headers": {}, "properties": {}}',
    b'{"body": "gAROLg==", "content-type": "application/x-python-serialize", '
    b'"content-encoding": "binary", "headers": {"task": "slope.train", "id": "x"}, '
    b'"properties": {"body_encoding": "base64", "delivery_tag": "x", "delivery_info": {}}}',
)
_FORGED = ("../../etc/passwd", "", "run_", "x" * 10_000)


def ring_wildly(site: Site, rng: Random) -> None:
    """Ring for runs again, out of order, for runs that never were, and put junk into the queue."""
    with site.sessions.read() as session:
        known = list(session.scalars(select(RunRow.id)))
    bells = [rng.choice([*known, *_FORGED, new_id("run")]) for _ in range(N_BELLS)]
    broker = Broker(site.redis.url)
    with suppress(BrokerUnavailableError):
        for run_id in bells:
            broker.ring(run_id)
    with suppress(redis.RedisError), site.redis.client() as client:
        client.lpush(f"slope:{QUEUE_CPU}", rng.choice(_JUNK))
