"""Stripe's events about saved cards: the details are stored, and nothing is charged."""

from __future__ import annotations

from typing import Any

import pytest

from charges.models import ChargeAttempt, DunningRun, SavedPaymentMethod
from tests.support.days import NOW, Days
from tests.support.deliveries import capture
from tests.support.factories import place_order, unpaid
from tests.support.sandboxes import StripeSandbox
from tests.support.stripe_events import process_event, store_event, stripe_events

pytestmark = pytest.mark.django_db(transaction=True)
TYPE = "payment_method.automatically_updated"


def card_of(order: Any) -> SavedPaymentMethod:
    saved = SavedPaymentMethod.objects.get(customer=order.customer, payment_method_id=order.payment_method)
    assert saved.stripe_id is not None
    return saved


def test_a_replaced_card_gets_its_new_details(stripe_sandbox: StripeSandbox) -> None:
    order = place_order()
    capture(order)
    saved = card_of(order)
    stripe_sandbox.replace_card(str(saved.stripe_id), exp_month=2, exp_year=2035, last4="0077")
    [event] = stripe_events(stripe_sandbox, TYPE)

    assert process_event(store_event(event)) == "card details updated"

    saved.refresh_from_db()
    assert (saved.last4, saved.exp_month, saved.exp_year) == ("0077", 2, 2035)


def test_an_update_does_not_restart_dunning(stripe_sandbox: StripeSandbox, days: Days) -> None:
    order = unpaid(days)
    before = (ChargeAttempt.objects.count(), DunningRun.objects.get().started_at)
    stripe_sandbox.replace_card(str(card_of(order).stripe_id), exp_year=2035)
    [event] = stripe_events(stripe_sandbox, TYPE)

    process_event(store_event(event))
    days.settle()

    assert (ChargeAttempt.objects.count(), DunningRun.objects.get().started_at) == before


def test_unknown_and_removed_cards_are_ignored(stripe_sandbox: StripeSandbox) -> None:
    order = place_order()
    capture(order)
    saved = card_of(order)
    SavedPaymentMethod.objects.update(removed_at=NOW)
    stripe_sandbox.replace_card(str(saved.stripe_id), exp_year=2035)
    [event] = stripe_events(stripe_sandbox, TYPE)
    assert process_event(store_event(event)) == "ignored: the customer removed it"
    SavedPaymentMethod.objects.update(stripe_id="pm_other")
    assert process_event(store_event({**event, "id": "evt_2"})) == "ignored: not one of our payment methods"
    saved.refresh_from_db()
    assert saved.exp_year == 2031


def test_a_card_that_has_expired_here_is_charged_all_the_same(stripe_sandbox: StripeSandbox) -> None:
    """The bank may have replaced the card without telling us."""
    first = place_order()
    capture(first)
    SavedPaymentMethod.objects.update(exp_year=2020)
    second = place_order(customer=first.customer, payment_method=first.payment_method)
    capture(second)
    second.refresh_from_db()
    assert second.status == "paid"
