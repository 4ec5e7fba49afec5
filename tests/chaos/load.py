"""A user who wants runs, and gets them or asks again: keeps the service busy over HTTP."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.chaos.site import Site

DEPTHS = (3, 3, 7)
"""Runs under way at once, each for some wishes: mostly fewer than there are slots, so that a run
that lost its worker finds another, and now and then more, so that some wait."""
WISHES_PER_DEPTH = 6

_PERIOD_S = 0.5
_TIMEOUT_S = 10.0
_TERMINAL = frozenset(("succeeded", "stopped", "cancelled", "failed"))
# A request whose answer got lost is asked again with its Idempotency-Key; while the first one has
# no answer yet, the key is busy.
_ASK_AGAIN = frozenset((409, 429, 503))


@dataclass
class Wish:
    """One run that the user wants, by its Idempotency-Key."""

    key: str
    training: str
    run_id: str | None = None
    status: str | None = None
    resume_at_s: float | None = None
    """When a pause that the user asked for is over."""

    @property
    def is_over(self) -> bool:
        return self.status in _TERMINAL


@dataclass
class Answers:
    """What the API answered."""

    post_s: list[float] = field(default_factory=list)
    """Seconds until a run was accepted."""
    refused_s: list[float] = field(default_factory=list)
    """Seconds until a request was refused because the database was away."""
    unexpected: list[str] = field(default_factory=list)


class Load:
    """Posts and polls from a thread of its own, until `stop`."""

    def __init__(
        self,
        site: Site,
        bodies: Mapping[str, Mapping[str, Any]],
        name: str,
    ) -> None:
        """Prepare; `bodies` are the requests of trainings by name, taken in turn."""
        self.wishes: list[Wish] = []
        self.answers = Answers()
        self._site = site
        self._bodies = bodies
        self._names = self._in_turn()
        self._name = name
        self._wants_more = True
        self._pauses_wanted = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._client = httpx2.Client(
            base_url=site.base_url,
            headers={"Authorization": f"Bearer {site.key}"},
            timeout=_TIMEOUT_S,
        )

    def start(self) -> None:
        """Begin to want runs."""
        self._thread.start()

    def want_no_more(self) -> None:
        """Post no new wishes; those that were not accepted yet are still asked for."""
        self._wants_more = False

    def pause_one(self) -> None:
        """Pause one of the running runs soon, and resume it some seconds later."""
        self._pauses_wanted += 1

    def is_satisfied(self) -> bool:
        """Tell whether every wish came to an end."""
        return all(wish.is_over for wish in list(self.wishes))

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()
        self._client.close()

    def _live(self) -> None:
        while not self._ended.wait(_PERIOD_S):
            open_wishes = [wish for wish in self.wishes if not wish.is_over]
            depth = DEPTHS[len(self.wishes) // WISHES_PER_DEPTH % len(DEPTHS)]
            if self._wants_more and len(open_wishes) < depth:
                wish = Wish(f"{self._name}-{len(self.wishes)}", next(self._names))
                self.wishes.append(wish)
                open_wishes.append(wish)
            for wish in open_wishes:
                self._attend(wish)

    def _in_turn(self) -> Iterator[str]:
        while True:
            yield from self._bodies

    def _attend(self, wish: Wish) -> None:
        if wish.run_id is None:
            self._post(wish)
        else:
            self._look(wish)
            self._pause_or_resume(wish)

    def _post(self, wish: Wish) -> None:
        asked_s = time.monotonic()
        answer = self._ask(
            "POST",
            "/v1/runs",
            json=self._bodies[wish.training],
            headers={"Idempotency-Key": wish.key},
        )
        if answer is None:
            return
        took_s = time.monotonic() - asked_s
        if answer.status_code == 202:
            wish.run_id = answer.json()["id"]
            self.answers.post_s.append(took_s)
        elif answer.status_code == 503:
            self.answers.refused_s.append(took_s)

    def _look(self, wish: Wish) -> None:
        answer = self._ask("GET", f"/v1/runs/{wish.run_id}")
        if answer is not None and answer.status_code == 200:
            wish.status = answer.json()["status"]

    def _pause_or_resume(self, wish: Wish) -> None:
        now_s = time.monotonic()
        if wish.resume_at_s is not None:
            if now_s >= wish.resume_at_s and self._moves(wish, "resume"):
                wish.resume_at_s = None
        elif self._pauses_wanted and wish.status == "running" and self._moves(wish, "pause"):
            self._pauses_wanted -= 1
            # Long enough to be paused, most of the times; a wish taken back is tried, too.
            wish.resume_at_s = now_s + 2.0 * (len(self.wishes) % 3)

    def _moves(self, wish: Wish, verb: str) -> bool:
        answer = self._ask("POST", f"/v1/runs/{wish.run_id}/{verb}")
        # A run may come to its end before the verb does.
        return answer is not None and (answer.status_code == 200 or _is_over(answer))

    def _ask(self, method: str, path: str, **request: Any) -> httpx2.Response | None:
        try:
            answer = self._client.request(method, path, **request)
        except httpx2.ReadTimeout:
            self.answers.unexpected.append(f"{method} {path}: no answer in {_TIMEOUT_S:g} s")
            return None
        except httpx2.TransportError:
            # The API was killed, or is not back yet.
            return None
        if answer.status_code >= 300 and not self._is_expected(answer):
            self.answers.unexpected.append(
                f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            )
        return answer

    @staticmethod
    def _is_expected(answer: httpx2.Response) -> bool:
        if answer.status_code == 503 and "retry-after" not in answer.headers:
            return False
        return answer.status_code in _ASK_AGAIN


def _is_over(answer: httpx2.Response) -> bool:
    return answer.status_code == 409 and answer.json()["code"] == "run_finished"
