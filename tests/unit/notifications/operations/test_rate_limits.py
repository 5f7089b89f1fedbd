from __future__ import annotations

import time

import pytest

from integrations.errors import ProviderThrottled
from notifications.operations import rate_limits
from tests.support.concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)  # the workers' transactions must see each other


def test_all_workers_together_stay_below_the_limit():
    began = time.monotonic()
    at_once(lambda: rate_limits.wait_for_slot(name="test", per_second=10, burst=0, calls=1), times=4)
    assert 0.25 < time.monotonic() - began < 1.5


def test_after_a_quiet_time_a_burst_may_start_at_once():
    began = time.monotonic()
    for _ in range(4):
        rate_limits.wait_for_slot(name="test", per_second=1, burst=4, calls=1)
    assert time.monotonic() - began < 0.5


def test_a_caller_that_would_wait_too_long_is_throttled(monkeypatch):
    monkeypatch.setattr(rate_limits, "MAX_WAIT_SECONDS", 0.1)
    rate_limits.wait_for_slot(name="test", per_second=1, burst=0, calls=1)
    with pytest.raises(ProviderThrottled):
        rate_limits.wait_for_slot(name="test", per_second=1, burst=0, calls=1)


def test_two_limits_do_not_share_their_slots():
    began = time.monotonic()
    for name in ("one", "two", "three"):
        rate_limits.wait_for_slot(name=name, per_second=1, burst=1, calls=1)
    assert time.monotonic() - began < 0.5
