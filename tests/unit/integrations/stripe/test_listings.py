from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from integrations.stripe import listings, payment_intents, refunds
from tests.support.sandboxes import StripeSandbox

HOUR = dt.timedelta(hours=1)


def create_intents(sandbox: StripeSandbox, number: int) -> list[str]:
    form = {"amount": "1290", "currency": "eur", "metadata[order]": "7"}
    return [sandbox.api("POST", "/v1/payment_intents", **form)["id"] for _ in range(number)]


def all_pages(*, kind: str = "intent", made_from: dt.datetime, made_until: dt.datetime) -> list[listings.Listed]:
    rows: list[listings.Listed] = []
    while True:
        page = listings.page(
            kind=kind, made_from=made_from, made_until=made_until, after=rows[-1].id if rows else ""
        )
        rows += page.rows
        if not page.has_more:
            return rows


def test_pages_follow_each_other_newest_first(stripe_sandbox: StripeSandbox) -> None:
    created = create_intents(stripe_sandbox, 101)
    now = timezone.now()
    rows = all_pages(made_from=now - HOUR, made_until=now + HOUR)
    assert [row.id for row in rows] == created[::-1]
    assert len(stripe_sandbox.requests(method="GET", path="/v1/payment_intents")) == 2


def test_objects_created_at_other_times_are_left_out(stripe_sandbox: StripeSandbox) -> None:
    create_intents(stripe_sandbox, 1)
    now = timezone.now()
    assert all_pages(made_from=now - 2 * HOUR, made_until=now - HOUR) == []


def test_an_intent_is_listed_with_its_compared_fields(stripe_sandbox: StripeSandbox) -> None:
    [intent_id] = create_intents(stripe_sandbox, 1)
    found = listings.find(kind="intent", id=intent_id)
    assert found is not None
    assert (found.kind, found.status) == ("intent", "requires_payment_method")
    assert (found.amount, found.currency, found.decline) == (1290, "EUR", None)
    assert (found.payment_intent_id, found.metadata) == (intent_id, {"order": "7"})


def test_a_refund_is_listed_with_the_intent_that_it_belongs_to(stripe_sandbox: StripeSandbox) -> None:
    customer = stripe_sandbox.api("POST", "/v1/customers")["id"]
    card = stripe_sandbox.api("POST", "/v1/payment_methods/pm_card_visa/attach", customer=customer)["id"]
    intent = payment_intents.create(
        amount=1290, currency="EUR", customer_id=customer, payment_method_id=card, metadata={}, idempotency_key="create"
    )
    payment_intents.confirm(payment_intent_id=intent.id, payment_method_id=card, idempotency_key="confirm")
    refund = refunds.create(
        payment_intent_id=intent.id, amount=90, reason=None, metadata={}, idempotency_key="refund"
    )
    now = timezone.now()
    [row] = all_pages(kind="refund", made_from=now - HOUR, made_until=now + HOUR)
    assert (row.id, row.amount, row.payment_intent_id) == (refund.id, 90, intent.id)
    assert row.stripe_charge_id.startswith("ch_")


@pytest.mark.parametrize("kind", listings.RESOURCES)
def test_an_unknown_object_is_not_found(stripe_sandbox: StripeSandbox, kind: str) -> None:
    assert listings.find(kind=kind, id="xx_unknown") is None
