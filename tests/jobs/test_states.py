"""The table of states, and the SQL made from it."""

from __future__ import annotations

import pytest

from sensdb.jobs.states import (
    ENDED,
    EVENTS,
    HAS_RESULT,
    STATES,
    TRANSITIONS,
    finished_sql,
    in_states,
    outcome,
    sources,
    target_sql,
    transitions,
)


def test_every_state_is_reached_and_left() -> None:
    assert {row.target for row in TRANSITIONS} == set(STATES)
    assert {row.source for row in TRANSITIONS} == {None, *STATES}


def test_the_last_row_of_an_event_and_source_always_applies() -> None:
    for event in EVENTS:
        for source in sources(event):
            *before, last = transitions(event, source)
            assert last.when == "", (event, source)
            assert all(row.when for row in before), (event, source)


def test_a_job_gets_a_finishing_moment_exactly_when_it_ends() -> None:
    ending = [row for row in TRANSITIONS if row.target in ENDED and row.source not in ENDED]

    assert all("finished_at" in row.changes for row in ending)


def test_no_ending_returns_the_attempts_number() -> None:
    assert [row.event for row in TRANSITIONS if "attempt" in row.changes] == ["claim"]


def test_only_the_budget_of_its_own_kind_is_charged() -> None:
    charged = {event: {name for row in transitions(event) for name in row.changes} for event in EVENTS}

    assert {event for event in EVENTS if "exceptions" in charged[event]} == {"fail", "retry", "retrain", "measure"}
    assert {event for event in EVENTS if "losses" in charged[event]} == {"reap", "retry", "retrain", "measure"}


def test_endings_say_how_an_attempt_ended() -> None:
    endings = {event: outcome(event) for event in ("finish", "fail", "release", "reap", "adopt")}

    assert endings == {"finish": "done", "fail": "failed", "release": "released", "reap": "lost", "adopt": "done"}


def test_one_state_is_compared_as_the_partial_indexes_are_written() -> None:
    assert in_states(("queued",)) == "jobs.state = 'queued'"
    assert in_states(("dead", "cancelled")) == "jobs.state in ('dead', 'cancelled')"


def test_a_state_that_does_not_exist_never_reaches_the_sql() -> None:
    with pytest.raises(ValueError, match="no such states"):
        in_states(("queued", "' or true --"))


def test_the_target_of_an_event_with_one_row_is_a_literal() -> None:
    assert target_sql("claim") == "'running'"
    assert finished_sql("finish", "now()") == "now()"
    assert finished_sql("claim", "now()") == "null"


def test_the_target_of_an_event_with_conditions_is_a_case_in_the_order_of_the_table() -> None:
    assert target_sql("release") == (
        "case when (cancel_requested and kind = 'train') then 'cancelled'"
        f" when (cancel_requested and {HAS_RESULT}) then 'done'"
        " when (cancel_requested) then 'dead' else 'queued' end"
    )
