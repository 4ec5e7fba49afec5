"""The proxy itself: what is broken through it is broken as it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from tests.servers.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.redis import RedisServer


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[Proxy]:
    redis_server.flush()
    it = Proxy(redis_server.port)
    yield it
    it.close()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[redis.Redis]:
    # Once, for the sake of one try: the client would hide a cut by trying again.
    no_retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    with redis.Redis(port=proxy.port, socket_timeout=0.5, retry=no_retry) as it:
        it.ping()
        yield it


def test_it_passes_on(client: redis.Redis) -> None:
    assert client.set("a", b"x" * 200_000)
    assert client.get("a") == b"x" * 200_000


@pytest.mark.parametrize(("is_answered", "expected"), [(True, b"1"), (False, None)])
def test_a_connection_is_cut_before_or_after_the_server_acts(
    proxy: Proxy,
    client: redis.Redis,
    redis_server: RedisServer,
    is_answered: bool,
    expected: bytes | None,
) -> None:
    cut = proxy.cut_at(b"MULTI", b"EXEC", is_answered=is_answered)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.set("a", "1")
        with pytest.raises(redis.ConnectionError):
            pipeline.execute()
    assert cut.is_set()
    with redis_server.client() as direct:
        assert direct.get("a") == expected
    assert client.ping()


def test_muted_requests_arrive_and_their_answers_do_not(
    proxy: Proxy, client: redis.Redis, redis_server: RedisServer
) -> None:
    proxy.mute()
    with pytest.raises(redis.TimeoutError):
        client.set("a", "1")
    with redis_server.client() as direct:
        assert direct.get("a") == b"1"


def test_nothing_comes_out_of_a_black_hole_until_it_heals(
    proxy: Proxy, client: redis.Redis, redis_server: RedisServer
) -> None:
    proxy.blackhole()
    for _ in range(2):
        with pytest.raises(redis.TimeoutError):
            client.set("a", "1")
    with redis_server.client() as direct:
        assert direct.get("a") is None
    proxy.heal()
    assert client.set("a", "2")
