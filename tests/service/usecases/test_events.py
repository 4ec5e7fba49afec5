"""Events: in order, without gaps, told once to everybody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from service.usecases import journal
from service.usecases.claims import NewEvent

if TYPE_CHECKING:
    from tests.service.usecases.world import World


def tell(world: World, run_id: str, *messages: str) -> None:
    with world.sessions.begin() as session:
        journal.append(session, run_id, [NewEvent("log", message) for message in messages])


def test_events_are_listed_from_a_number_on(world: World) -> None:
    run = world.create()
    tell(world, run.id, *"abcdefgh")
    page = world.events.list(world.project_id, run.id, after=3, limit=2)
    assert [event.message for event in page.data] == ["c", "d"]
    assert page.next == "5"
    rest = world.events.list(world.project_id, run.id, after=int(page.next), limit=100)
    assert [event.seq for event in rest.data] == [6, 7, 8, 9]
    assert rest.next is None


def test_one_look_brings_the_news_of_every_run(world: World) -> None:
    quiet, busy, gone = (world.create().id for _ in range(3))
    tell(world, busy, "a", "b")
    world.runs.cancel(world.project_id, gone)
    world.runs.delete(world.project_id, gone)
    news = world.events.since({quiet: 1, busy: 1, gone: 1})
    assert news.keys() == {quiet, busy}
    assert list(news[quiet]) == []
    assert [(event.seq, event.message) for event in news[busy]] == [(2, "a"), (3, "b")]
    assert world.events.since({}) == {}


def test_a_look_brings_a_bounded_number_and_the_next_one_the_rest(world: World) -> None:
    run = world.create()
    tell(world, run.id, *"abcdef")
    first = world.events.since({run.id: 0}, per_run=4)[run.id]
    rest = world.events.since({run.id: first[-1].seq}, per_run=4)[run.id]
    assert [event.seq for event in [*first, *rest]] == [1, 2, 3, 4, 5, 6, 7]


def test_many_writers_number_without_gaps(world: World) -> None:
    run = world.create()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: tell(world, run.id, f"{i} first", f"{i} second"), range(25)))
    story = world.story(run.id)
    assert [event.seq for event in story] == list(range(1, 52))
    told = [event.message.split() for event in story[1:]]
    assert all(a[0] == b[0] for a, b in zip(told[::2], told[1::2], strict=True))


def test_what_is_not_finite_is_null_in_an_event(world: World) -> None:
    run = world.create()
    with world.sessions.begin() as session:
        data = {"loss": float("nan"), "layers": [float("inf"), 1.0], "nul": "a\u0000b"}
        journal.append(session, run.id, [NewEvent("log", "odd", data=data)])
    assert world.story(run.id)[-1].data == {"loss": None, "layers": [None, 1.0], "nul": "a\u0000b"}
