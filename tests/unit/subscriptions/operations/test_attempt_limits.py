"""Attempts are counted for all processes together, and the table stays small."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from subscriptions.models import AttemptCount
from subscriptions.operations.attempt_limits import (
    Limit,
    Scope,
    TooManyAttempts,
    count_attempt,
    limit_of,
    purge_attempts,
    take_back,
)
from tests.support.concurrency import at_once

SCOPE = Scope.MAIL_TO_ADDRESS
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _limit(settings: Any) -> None:
    settings.LOGIN_MAIL_LIMIT = "3/hour"


def attempt(at: dt.datetime, key: str = "ann@example.com", scope: Scope = SCOPE) -> bool:
    try:
        count_attempt(scope=scope, key=key, at=at)
    except TooManyAttempts:
        return False
    return True


def test_the_limit_holds_until_the_window_ends(db: None, now: dt.datetime) -> None:
    assert [attempt(now + n * MINUTE) for n in range(5)] == [True, True, True, False, False]
    assert [attempt(now + n * MINUTE) for n in (59, 60, 61)] == [False, True, True]


def test_the_error_says_how_long_to_wait(db: None, now: dt.datetime) -> None:
    for _ in range(3):
        attempt(now)
    with pytest.raises(TooManyAttempts) as refused:
        count_attempt(scope=SCOPE, key="ann@example.com", at=now + 15 * MINUTE)
    assert refused.value.wait == 45 * 60


def test_keys_and_scopes_count_on_their_own(db: None, now: dt.datetime) -> None:
    for _ in range(3):
        attempt(now)
    assert attempt(now, key="bob@example.com")
    assert attempt(now, scope=Scope.ATTEMPT_AT_ADDRESS)


def test_ten_attempts_at_once_pass_three_times(transactional_db: None, now: dt.datetime) -> None:
    assert sorted(at_once(lambda: attempt(now), times=10)) == [False] * 7 + [True] * 3
    assert AttemptCount.objects.count() == 1


def test_a_success_is_taken_back(db: None, now: dt.datetime) -> None:
    for _ in range(5):
        assert attempt(now)
        take_back(scope=SCOPE, key="ann@example.com")


def test_taking_back_never_goes_below_zero(db: None, now: dt.datetime) -> None:
    take_back(scope=SCOPE, key="ann@example.com")
    attempt(now)
    take_back(scope=SCOPE, key="ann@example.com")
    take_back(scope=SCOPE, key="ann@example.com")
    assert AttemptCount.objects.get().count == 0


def test_a_flood_counts_only_one_above_the_limit(db: None, now: dt.datetime) -> None:
    for _ in range(20):
        attempt(now)
    assert AttemptCount.objects.get().count == 4


def test_the_table_holds_no_address_and_loses_what_has_ended(db: None, now: dt.datetime) -> None:
    attempt(now)
    attempt(now + 30 * MINUTE, key="bob@example.com")
    assert "ann" not in str(vars(AttemptCount.objects.first()))
    assert purge_attempts(at=now + 60 * MINUTE) == 1
    assert AttemptCount.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "limit"), [("5/hour", (5, 3600)), ("20/day", (20, 86400)), ("7/min", (7, 60)), ("1/s", (1, 1))]
)
def test_limits_are_read_as_the_settings_write_them(settings: Any, text: str, limit: tuple[int, int]) -> None:
    settings.LOGIN_MAIL_LIMIT = text
    assert limit_of(SCOPE) == Limit(count=limit[0], seconds=limit[1])


@given(minutes=st.lists(st.integers(0, 300), max_size=40).map(sorted))
@examples(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_no_window_lets_more_through_than_the_limit(db: None, now: dt.datetime, minutes: list[int]) -> None:
    AttemptCount.objects.all().delete()
    passed = [minute for minute in minutes if attempt(now + minute * MINUTE)]
    start, count = -60, 0
    for minute in minutes:
        if minute >= start + 60:
            start, count = minute, 0
        count += 1
        assert (minute in passed) or count > 3
    assert all(sum(1 for other in passed if minute <= other < minute + 60) <= 6 for minute in passed)
