"""The same message delivered three times at once, with and without the lock that orders them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from charges.models import Charge, StripeCustomer
from charges.operations.payments import capture as capture_module
from charges.operations.payments import payment_methods as cards
from tests.support.concurrency import errors_at_once
from tests.support.deliveries import capture, capture_by_ladder, published
from tests.support.factories import place_order
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


def assert_paid_once(sandbox: StripeSandbox, order: Any) -> None:
    assert sandbox.statuses() == ["succeeded"]
    assert [charge["status"] for charge in sandbox.objects("charges")] == ["succeeded"]
    assert len(sandbox.objects("customers")) == 1
    order.refresh_from_db()
    assert (order.status, Charge.objects.get().attempts.get().status) == ("paid", "succeeded")
    assert published() == {"OrderPaid": 1}


def test_three_deliveries_at_once(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"kind": "latency", "min_ms": 30, "max_ms": 60})
    order = place_order()

    assert errors_at_once(*[lambda: capture(order)] * 3) == []

    assert_paid_once(stripe_sandbox, order)
    assert len(stripe_sandbox.requests()) == 4, "the other two waited, and found it done"


@pytest.mark.parametrize("round_", range(3))
def test_keys_and_constraints_keep_it_right_without_the_lock(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, round_: int
) -> None:
    for module in (capture_module, cards):
        monkeypatch.setattr(module, "session_lock", lambda _: nullcontext())
    stripe_sandbox.faults({"kind": "latency", "min_ms": 5, "max_ms": 40})
    order = place_order()

    errors_at_once(*[lambda: capture(order)] * 3)
    capture_by_ladder(order)

    assert_paid_once(stripe_sandbox, order)


def test_two_orders_of_a_new_customer_at_once(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.faults({"kind": "latency", "min_ms": 20, "max_ms": 40})
    first = place_order()
    second = place_order(customer=first.customer)

    assert errors_at_once(lambda: capture(first), lambda: capture(second)) == []

    assert stripe_sandbox.statuses() == ["succeeded", "succeeded"]
    assert (len(stripe_sandbox.objects("customers")), StripeCustomer.objects.count()) == (1, 1)
