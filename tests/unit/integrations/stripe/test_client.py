from __future__ import annotations

from integrations import quick_retries
from integrations.sqs.topology import CHARGES, PROVIDER_TIMEOUTS
from integrations.stripe.client import CONNECT_TIMEOUT, MAX_CALLS, READ_TIMEOUT


def test_the_longest_capture_ends_before_its_time_limit() -> None:
    assert CONNECT_TIMEOUT + MAX_CALLS * READ_TIMEOUT < PROVIDER_TIMEOUTS
    last_round_begins = quick_retries.BUDGET_SECONDS
    assert last_round_begins + MAX_CALLS * (CONNECT_TIMEOUT + READ_TIMEOUT) < CHARGES.soft_time_limit
