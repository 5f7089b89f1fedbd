"""The connection to Stripe: its time-outs are kept, and a task's calls fit into the task's time limit."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from integrations import quick_retries
from integrations.errors import ProviderUnclear
from integrations.sqs.topology import CHARGES, PROVIDER_TIMEOUTS
from integrations.stripe.client import CONNECT_TIMEOUT, MAX_CALLS, READ_TIMEOUT, client, stripe_errors
from tests.support.deliveries import capture
from tests.support.endpoints import silent_endpoint
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox


def test_a_silent_stripe_is_given_up_after_the_time_out_and_asked_once(settings: Any) -> None:
    with silent_endpoint() as (settings.STRIPE_API_BASE, connections):
        began = time.monotonic()
        with pytest.raises(ProviderUnclear), stripe_errors():
            client(timeouts=(0.1, 0.2)).v1.customers.list()
        assert 0.2 <= time.monotonic() - began < 2
        assert len(connections) == 1


def test_a_process_has_one_client_for_each_account_and_time_out(settings: Any) -> None:
    first = client()
    assert client() is first
    assert client(timeouts=(1, 1)) is not first
    settings.STRIPE_API_KEY = "sk_test_of_another_account"
    assert client() is not first


def test_a_forked_worker_does_not_share_the_connections_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    first = client()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert client() is not first


@pytest.mark.parametrize("broken", [AttributeError, KeyError, TypeError, ValueError])
def test_a_response_that_cannot_be_read_is_unclear(broken: type[Exception]) -> None:
    with pytest.raises(ProviderUnclear) as caught, stripe_errors():
        raise broken("pi_1_secret_2")
    assert caught.value.provider == "stripe"
    assert "secret" not in str(caught.value)


@pytest.mark.django_db(transaction=True)
def test_a_capture_makes_at_most_as_many_calls_as_its_time_limit_allows(stripe_sandbox: StripeSandbox) -> None:
    orders = [place_order(payment_method=card) for card in ("pm_card_visa", "pm_card_chargeCustomerFail")]
    calls = []
    for order in orders:
        before = len(all_requests(stripe_sandbox))
        capture(order)
        calls.append(len(all_requests(stripe_sandbox)) - before)
    assert max(calls) <= MAX_CALLS
    # One time-out ends a capture, so it waits for one response at most; its other calls take their normal time.
    assert CONNECT_TIMEOUT + MAX_CALLS * READ_TIMEOUT < PROVIDER_TIMEOUTS
    last_round_begins = quick_retries.BUDGET_SECONDS
    assert last_round_begins + MAX_CALLS * (CONNECT_TIMEOUT + READ_TIMEOUT) < CHARGES.soft_time_limit


def all_requests(sandbox: StripeSandbox) -> list[dict[str, Any]]:
    return [*sandbox.requests(), *sandbox.requests(method="GET")]


def test_threads_share_a_client() -> None:
    with ThreadPoolExecutor(4) as pool:
        clients = list(pool.map(lambda _: client(), range(8)))
    assert {id(found) for found in clients} == {id(client())}
