from __future__ import annotations

import pytest

from integrations.backoff import MIN_WAIT, Backoff, exponential, jittered


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backoff(clock: Clock) -> Backoff:
    return Backoff(first=1.0, maximum=5.0, clock=clock, chance=lambda: 1.0)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 1.0), (1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (10_000, 5.0)]
)
def test_the_wait_doubles_up_to_a_maximum(failures: int, seconds: float) -> None:
    assert exponential(failures, first=1.0, maximum=5.0) == seconds


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 2.0), (0.5, 3.0), (1.0, 4.0)])
def test_jitter_shortens_a_wait_to_at_least_its_half(chance: float, seconds: float) -> None:
    assert jittered(4.0, chance=lambda: chance) == seconds


def test_jitter_is_random() -> None:
    assert len({jittered(1.0) for _ in range(20)}) > 1


def test_each_failure_makes_the_wait_longer_and_a_success_ends_it(backoff: Backoff, clock: Clock) -> None:
    waits = []
    for _ in range(4):
        backoff.failed()
        waits.append(backoff.wait_seconds)
        assert backoff.is_waiting
        clock.now += backoff.wait_seconds
        assert not backoff.is_waiting
    assert waits == [1.0, 2.0, 4.0, 5.0]
    assert (backoff.is_failing, backoff.failures, backoff.failing_seconds) == (True, 4, 12.0)
    backoff.succeeded()
    assert (backoff.is_failing, backoff.failures, backoff.failing_seconds, backoff.is_waiting) == (False, 0, 0.0, False)


def test_the_wait_includes_the_time_that_the_request_took(backoff: Backoff, clock: Clock) -> None:
    backoff.asking()
    clock.now += 0.75
    backoff.failed()
    assert backoff.wait_seconds == 0.25


def test_a_slow_request_is_followed_by_the_shortest_wait(backoff: Backoff, clock: Clock) -> None:
    backoff.asking()
    clock.now += 30
    backoff.failed()
    assert backoff.wait_seconds == MIN_WAIT
    assert not backoff.is_waiting
