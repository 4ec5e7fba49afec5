"""The broker: heard when it is there, and never waited for when it is not."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from celery import Celery

from service.store.broker import (
    CANARY_TASK,
    QUEUE_CPU,
    QUIET_S,
    TASK,
    Broker,
    BrokerUnavailableError,
    celery_settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.redis import RedisServer

PROMISED_S = 0.5


@contextmanager
def within(seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


@pytest.fixture
def broker(redis: RedisServer) -> Broker:
    return Broker(redis.url)


def rung(redis: RedisServer) -> list[str]:
    with redis.client() as client:
        messages = client.lrange(f"slope:{QUEUE_CPU}", 0, -1)
    return [json.loads(message)["headers"]["argsrepr"] for message in messages]


def test_a_bell_is_one_message_with_the_runs_id_alone(redis: RedisServer, broker: Broker) -> None:
    broker.ring("run_1")
    with redis.client() as client:
        [message] = map(json.loads, client.lrange(f"slope:{QUEUE_CPU}", 0, -1))
    assert message["headers"]["task"] == TASK
    assert message["headers"]["expires"] is None
    assert message["content-type"] == "application/json"
    assert rung(redis) == ["('run_1',)"]


def test_a_bell_goes_to_its_queue(redis: RedisServer, broker: Broker) -> None:
    broker.ring("run_1", queue="slope.cuda")
    with redis.client() as client:
        assert client.llen("slope:slope.cuda") == 1
        assert client.llen(f"slope:{QUEUE_CPU}") == 0


def test_a_canary_hangs_until_somebody_takes_it(redis: RedisServer, broker: Broker) -> None:
    assert broker.hanging(QUEUE_CPU) == 0
    broker.ring_canary(QUEUE_CPU)
    broker.ring("run_1")
    assert broker.hanging(QUEUE_CPU) == 2
    with redis.client() as client:
        [_, message] = map(json.loads, client.lrange(f"slope:{QUEUE_CPU}", 0, -1))
    assert (message["headers"]["task"], message["headers"]["argsrepr"]) == (CANARY_TASK, "()")


def test_a_broker_that_is_down_is_not_waited_for(redis: RedisServer, broker: Broker) -> None:
    redis.kill()
    try:
        for attempt in (broker, Broker(redis.url)):
            with within(PROMISED_S), pytest.raises(BrokerUnavailableError):
                attempt.ring("run_1")
            with within(PROMISED_S):
                assert not attempt.ping()
    finally:
        redis.start()


def test_a_broker_that_hangs_is_not_waited_for(redis: RedisServer, broker: Broker) -> None:
    broker.ring("before")
    redis.freeze()
    try:
        # Over the connection that stood before it hung, and over a new one.
        for attempt in (broker, Broker(redis.url)):
            with within(PROMISED_S), pytest.raises(BrokerUnavailableError):
                attempt.ring("run_1")
            with within(PROMISED_S / 10), pytest.raises(BrokerUnavailableError):
                attempt.ring("run_2")
    finally:
        redis.thaw()


def test_a_broker_that_is_back_is_rung_again(redis: RedisServer, broker: Broker) -> None:
    redis.kill()
    with pytest.raises(BrokerUnavailableError):
        broker.ring("lost")
    redis.start()
    end = time.monotonic() + QUIET_S + PROMISED_S
    while not broker.ping():
        assert time.monotonic() < end
    broker.ring("heard")
    assert rung(redis) == ["('heard',)"]


def test_the_canary_is_gone_with_the_data(redis: RedisServer, broker: Broker) -> None:
    assert not broker.has_canary()
    broker.set_canary()
    assert broker.has_canary()
    redis.flush()
    assert not broker.has_canary()


def test_a_worker_takes_the_settings(redis: RedisServer) -> None:
    app = Celery(
        "check", set_as_current=False, config_source=celery_settings(redis.url, shutdown_s=2.0)
    )
    assert app.conf.accept_content == ["json"]
    assert not app.conf.task_acks_late
    assert app.conf.result_backend is None
    assert app.conf.worker_soft_shutdown_timeout == 2.0
    assert app.conf.broker_transport_options["visibility_timeout"] == 300
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1)
