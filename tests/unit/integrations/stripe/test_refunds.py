from __future__ import annotations

from typing import Any

import pytest

from integrations.stripe import refunds
from integrations.stripe.errors import InvalidRequest
from integrations.stripe.results import Refund
from tests.support.factories import paid_charge
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def intent_id(stripe_sandbox: StripeSandbox) -> str:
    """A payment of 1290 minor units."""
    return str(paid_charge().payment_intent_id)


def refund(intent_id: str, amount: int = 500, *, key: str = "refund", **fields: Any) -> Refund:
    values = {"reason": "duplicate", "metadata": {"refund": "1"}, **fields}
    return refunds.create(payment_intent_id=intent_id, amount=amount, idempotency_key=key, **values)


def test_a_refund_is_made_once_for_each_key(stripe_sandbox: StripeSandbox, intent_id: str) -> None:
    first = refund(intent_id)
    assert refund(intent_id) == first
    assert (first.amount, first.currency, first.status, first.reason) == (500, "EUR", "succeeded", "duplicate")
    assert (first.payment_intent_id, dict(first.metadata)) == (intent_id, {"refund": "1"})
    assert len(stripe_sandbox.objects("refunds")) == 1
    assert refunds.retrieve(refund_id=first.id) == first


def test_without_a_reason_none_is_sent(stripe_sandbox: StripeSandbox, intent_id: str) -> None:
    assert refund(intent_id, reason=None).reason == ""
    assert stripe_sandbox.objects("refunds")[0]["reason"] is None


@pytest.mark.parametrize(("amount", "code"), [(791, None), (790, "charge_already_refunded")])
def test_no_more_than_is_left_is_refunded(intent_id: str, amount: int, code: str | None) -> None:
    refund(intent_id)
    if code:
        refund(intent_id, amount, key="the rest")
    with pytest.raises(InvalidRequest) as caught:
        refund(intent_id, amount, key="too much")
    assert (caught.value.code or None) == code


def test_all_refunds_of_a_payment_are_listed_newest_first(stripe_sandbox: StripeSandbox, intent_id: str) -> None:
    refund(paid_charge().payment_intent_id, key="another payment")
    made = [refund(intent_id, 1, key=str(number)).id for number in range(3)]
    by_hand = stripe_sandbox.api("POST", "/v1/refunds", payment_intent=intent_id, amount="1")["id"]
    assert [found.id for found in refunds.of_intent(payment_intent_id=intent_id)] == [by_hand, *reversed(made)]


def test_more_refunds_than_a_page_are_listed(intent_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refunds, "PAGE", 2)
    for number in range(5):
        refund(intent_id, 1, key=str(number))
    assert len(list(refunds.of_intent(payment_intent_id=intent_id))) == 5
