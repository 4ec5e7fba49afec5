"""The fault matrix: what is broken, what must hold all the same, and the tests that show it.

Beside what a row says, `Undisturbed.check` holds for every run of every row: it ended once, with
the bits of an undisturbed one in its weights and its curves, and its story has no gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Database = Literal["sqlite", "postgresql"]

BOTH: tuple[Database, ...] = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Row:
    """A fault, and its tests as pytest names them, without parameters."""

    number: int
    fault: str
    holds: str
    tests: tuple[str, ...]
    databases: tuple[Database, ...] = BOTH
    why_not_both: str = ""


def _tests(module: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/faults/{module}.py::test_{name}" for name in names)


ROWS = (
    Row(
        1,
        "kill -9 of a worker in the middle of an epoch",
        "another worker goes on from the checkpoint, within the lease and a tick; nobody is left",
        _tests("test_killed_workers", "a_run_goes_on_with_another_worker_after_kill_9_of_its_own"),
    ),
    Row(
        2,
        "kill -9 of a training's process",
        "the same worker goes on from the checkpoint, and stays up",
        _tests("test_killed_workers", "a_run_survives_kill_9_of_its_process"),
    ),
    Row(
        3,
        "kill -9 again and again",
        "with progress in between the run is finished; without any it fails after five crashes",
        _tests(
            "test_killed_workers",
            "a_run_survives_kill_9_again_and_again_and_a_poisonous_one_ends",
        ),
    ),
    Row(
        4,
        "kill -9 before, after and in the middle of each COMMIT of a training",
        "what is committed is there once, what is not is computed again",
        _tests(
            "test_commit_points",
            "a_run_survives_kill_9_at_every_commit_point",
            "a_run_survives_kill_9_between_two_chunks_of_a_checkpoint",
        ),
    ),
    Row(
        5,
        "SIGSTOP of a training past its lease, then SIGCONT",
        "it notices that the run is another's, and writes nothing more",
        _tests(
            "test_silent_workers",
            "a_process_that_was_frozen_past_its_lease_writes_nothing_more",
        ),
    ),
    Row(
        6,
        "the thread of the heartbeat dies",
        "the training notices, lets go of the run, and it is taken over once",
        _tests("test_silent_workers", "a_training_whose_heartbeat_died_lets_go_of_its_run"),
    ),
    Row(
        7,
        "SIGTERM of a worker, as a deployment sends it",
        "gone within its time; the run queued with a fresh checkpoint, and no crash counted",
        _tests(
            "test_deployments",
            "sigterm_gives_a_run_back_with_a_checkpoint_and_counts_no_crash",
        ),
    ),
    Row(
        8,
        "two SIGTERMs, then SIGKILL, for a training that does not come to its next step",
        "the run comes back through its lease",
        _tests("test_deployments", "a_worker_that_cannot_put_its_run_away_in_time_is_killed"),
    ),
    Row(
        9,
        "kill -9 of a Redis that keeps nothing, with bells in it",
        "every queued run is rung for again, two seconds after Redis is back",
        _tests("test_lost_brokers", "bells_of_a_killed_redis_are_rung_again"),
    ),
    Row(
        10,
        "Redis is down while runs are created",
        "creating a run is answered with 202 within a second; it starts once Redis is back",
        _tests("test_lost_brokers", "runs_are_accepted_while_redis_is_down"),
    ),
    Row(
        11,
        "Redis hangs",
        "the API answers within a second; trainings do not notice",
        _tests("test_lost_brokers", "nobody_waits_for_a_redis_that_hangs"),
    ),
    Row(
        12,
        "FLUSHALL, with idle and with busy workers",
        "as in row 9, and the workers hear again",
        _tests("test_lost_brokers", "bells_that_were_flushed_are_rung_again"),
    ),
    Row(
        13,
        "the answer to a ring is lost",
        "the bell may be rung twice; the run is trained once",
        _tests("test_lost_brokers", "a_bell_whose_answer_is_lost_is_rung_again"),
    ),
    Row(
        14,
        "the same bells a hundred times, out of order",
        "one attempt; a bell too many costs less than 20 ms",
        _tests(
            "test_bells",
            "bells_a_hundred_times_and_out_of_order_start_every_run_once",
            "a_bell_too_many_costs_a_worker_next_to_nothing",
        ),
    ),
    Row(
        15,
        "forged and malformed messages",
        "the worker stays up, and takes nothing that was not queued",
        _tests("test_bells", "forged_and_malformed_messages_start_nothing_and_end_nobody"),
    ),
    Row(
        16,
        "PostgreSQL crashes and comes back while a run trains",
        "the training waits and goes on",
        _tests("test_lost_databases", "a_training_outlives_a_crash_of_its_database"),
        ("postgresql",),
        "SQLite has no server",
    ),
    Row(
        17,
        "PostgreSQL is down for long",
        "the API answers 503 with Retry-After within three seconds; nothing is lost",
        _tests("test_lost_databases", "the_api_says_that_its_database_is_down"),
        ("postgresql",),
        "SQLite has no server",
    ),
    Row(
        18,
        "the connection is cut during a COMMIT",
        "what came through is not done twice; the run succeeds once",
        _tests(
            "test_lost_databases",
            "a_commit_whose_answer_is_lost_counts_once",
            "a_request_that_is_cut_at_commit_can_be_sent_again",
        ),
        ("postgresql",),
        "SQLite has no connection",
    ),
    Row(
        19,
        "PostgreSQL is a black hole for longer than two leases",
        "the training's process ends itself (86); another worker takes over",
        _tests("test_lost_databases", "a_worker_behind_a_black_hole_lets_go"),
        ("postgresql",),
        "SQLite has no network",
    ),
    Row(
        20,
        "kill -9 of the API between the COMMIT of a run and its answer",
        "repeating the call with its key answers with that run; there is one",
        _tests(
            "test_killed_api",
            "a_call_that_is_repeated_after_the_api_died_creates_one_run",
        ),
    ),
    Row(
        21,
        "kill -9 of the API during an upload",
        "no dataset is there, no chunk of one, and the table can be uploaded again",
        _tests("test_killed_api", "an_upload_that_the_api_dies_under_leaves_nothing"),
    ),
    Row(
        22,
        "kill -9 of the reconciler; the next one hangs",
        "the workers reconcile: a lost run comes back all the same",
        _tests("test_silent_workers", "a_run_comes_back_while_no_reconciler_is_there"),
    ),
    Row(
        23,
        "the clock of a worker's host jumps by an hour, both ways",
        "leases, on the database's clock, are not moved, and bells are heard",
        _tests("test_silent_workers", "clocks_that_jump_by_an_hour_move_no_lease"),
    ),
    Row(
        24,
        "a flipped bit in the latest checkpoint, or in all",
        "an event says so; the run goes on from the one before, or fails where there is none",
        _tests(
            "test_corrupt_checkpoints",
            "a_run_goes_on_from_the_checkpoint_before_a_corrupt_one",
            "a_run_whose_checkpoints_are_all_corrupt_fails_and_says_so",
        ),
    ),
    Row(
        25,
        "the disk is full, or the database refuses to COMMIT",
        "the run waits, or fails and says why; no part of a model is there",
        _tests("test_full_disks", "a_full_disk_holds_a_run_up_and_leaves_no_partial_model"),
    ),
    Row(
        26,
        "a training takes more memory than it may",
        "it fails with out_of_memory; its worker and its neighbours do not notice",
        _tests("test_disturbed_runs", "a_run_that_takes_too_much_memory_fails_alone"),
    ),
    Row(
        27,
        "cancelling: queued, running, with a dead worker, in a race with the end",
        "one end, within six seconds; in a race one or the other, never both",
        _tests(
            "test_cancelled_runs",
            "a_run_that_waits_is_cancelled_at_once",
            "a_run_is_cancelled_within_a_heartbeat_and_a_step",
            "a_run_whose_worker_died_is_cancelled_all_the_same",
            "cancelling_before_the_end_is_written_wins_and_after_it_loses",
            "cancelling_that_races_with_the_end_comes_to_one_of_both",
        ),
    ),
    Row(
        28,
        "four processes write to one SQLite file",
        "nobody meets a locked database, no write is lost",
        _tests("test_sqlite_writers", "writers_of_one_sqlite_file_neither_fail_nor_lose_anything"),
        ("sqlite",),
        "PostgreSQL has many writers",
    ),
    Row(
        29,
        "a project floods the queue with 500 runs, another creates one",
        "it starts as soon as the slots have been free twice",
        _tests("test_crowds", "the_first_run_of_a_project_waits_for_no_crowd_of_another"),
    ),
    Row(
        30,
        "all of it at random, from a seed",
        "nothing lost, nothing twice, every run bit by bit as undisturbed",
        _tests("test_soak", "a_storm_loses_nothing"),
    ),
)
