"""Stripe's events about refunds, made here or in the dashboard: late, twice, in any order."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest

from charges.models import Charge, Refund
from charges.operations.refunds.settlement import RefundsExceedPayment, RefundUnderWay
from charges.operations.stripe_events.objects import ChargeNotHereYet
from integrations.errors import ProviderUnclear
from integrations.stripe import refunds as gateway
from orders.models import Order
from tests.support.concurrency import Died, at_once, dying
from tests.support.days import NOW
from tests.support.deliveries import capture, deliver_refund, deliver_refund_by_ladder, published
from tests.support.factories import paid_charge, place_order, request_refund
from tests.support.refunds import refund_in_dashboard, refund_state, refunds_at_stripe
from tests.support.sandboxes import StripeSandbox
from tests.support.stripe_events import process_event, store_event, stripe_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def charge(stripe_sandbox: StripeSandbox) -> Any:
    return paid_charge()


def made_but_unaware(sandbox: StripeSandbox, refund: Refund) -> None:
    """Stripe made it; our worker never heard the answer."""
    sandbox.faults({"method": "POST", "path": "/v1/refunds", "kind": "drop_after_effect", "times": 1})
    with pytest.raises(ProviderUnclear):
        deliver_refund(refund)


def test_the_webhook_before_the_task(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    refund = request_refund(charge, 500)
    made_but_unaware(stripe_sandbox, refund)
    [event] = stripe_events(stripe_sandbox, "refund.created")

    assert process_event(store_event(event)) == "refund succeeded"
    deliver_refund(refund)

    assert refund_state(charge) == (500, "partially_refunded", ["succeeded"])
    assert (len(refunds_at_stripe(stripe_sandbox)), published()["RefundSucceeded"]) == (1, 1)


def test_the_task_before_the_webhook(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    deliver_refund(request_refund(charge, 500))
    [event] = stripe_events(stripe_sandbox, "refund.created")
    assert process_event(store_event(event)) == "refund succeeded"
    assert (refund_state(charge)[2], published()["RefundSucceeded"]) == (["succeeded"], 1)


def test_the_worker_died_before_it_saved_the_id(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    refund = request_refund(charge, 500)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gateway, "create", dying(gateway.create, after=True))
        with pytest.raises(Died):
            deliver_refund(refund)

    assert process_event(store_event(stripe_events(stripe_sandbox, "refund.created")[0])) == "refund succeeded"

    assert Refund.objects.get().stripe_id == stripe_sandbox.objects("refunds")[0]["id"]
    assert refund_state(charge)[2] == ["succeeded"]


def test_the_bank_takes_a_pending_refund_days_later(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge(payment_method="pm_card_pendingRefund")
    deliver_refund(request_refund(charge))
    stripe_sandbox.settle_refund(stripe_sandbox.objects("refunds")[0]["id"], "succeed")

    assert process_event(store_event(stripe_events(stripe_sandbox, "refund.updated")[0])) == "refund succeeded"
    assert process_event(store_event(stripe_events(stripe_sandbox, "refund.created")[0])) == "refund succeeded"

    assert (refund_state(charge), published()["RefundSucceeded"]) == ((1290, "refunded", ["succeeded"]), 1)


def test_the_bank_returns_it_days_later(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge(payment_method="pm_card_refundFail")
    deliver_refund(request_refund(charge))
    assert refund_state(charge) == (1290, "refunded", ["succeeded"])

    outcomes = [process_event(store_event(event)) for event in stripe_events(stripe_sandbox, "refund.")]

    assert outcomes[0] == "refund failed"
    assert set(outcomes[1:]) <= {"refund failed before", "ignored: a type that we do not handle"}
    assert refund_state(charge) == (0, "paid", ["failed"])
    assert Refund.objects.get().failure_code == "expired_or_canceled_card"
    assert (published()["RefundSucceeded"], published()["RefundFailed"]) == (1, 1)


def test_a_pending_refund_fails(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge(payment_method="pm_card_pendingRefund")
    deliver_refund(request_refund(charge, 500))
    stripe_sandbox.settle_refund(stripe_sandbox.objects("refunds")[0]["id"], "fail")
    assert process_event(store_event(stripe_events(stripe_sandbox, "refund.failed")[0])) == "refund failed"
    assert (refund_state(charge), published()["RefundFailed"]) == ((0, "paid", ["failed"]), 1)


@pytest.mark.parametrize("seed", range(4))
def test_every_event_in_any_order_and_twice(stripe_sandbox: StripeSandbox, seed: int) -> None:
    charge = paid_charge(payment_method="pm_card_refundFail")
    made_but_unaware(stripe_sandbox, request_refund(charge, 500))
    refund_in_dashboard(stripe_sandbox, charge, 300)
    told_of = stripe_events(stripe_sandbox, "refund.") + stripe_events(stripe_sandbox, "charge.refunded")
    deliveries = [{**event, "id": f"{event['id']}_{copy}"} for event in told_of for copy in (1, 2)]
    random.Random(seed).shuffle(deliveries)

    for event in deliveries:
        process_event(store_event(event))

    assert (refund_state(charge)[:2], {one.status for one in charge.refunds.all()}) == ((0, "paid"), {"failed"})
    assert (charge.refunds.count(), published()["RefundFailed"]) == (2, 1), "nobody was promised the dashboard's"


class TestMadeInTheDashboard:
    def test_is_recorded_like_others(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        there = refund_in_dashboard(stripe_sandbox, charge, 500, reason="requested_by_customer")
        [event] = stripe_events(stripe_sandbox, "refund.created")

        assert process_event(store_event(event)) == "refund succeeded"
        assert process_event(store_event({**event, "id": "evt_again"})) == "refund succeeded"

        refund = Refund.objects.get()
        assert (refund.origin, refund.stripe_id, refund.amount) == ("stripe", there["id"], 500)
        assert (refund.reason, refund.requested_by, refund.succeeded_at) == ("requested_by_customer", None, NOW)
        assert refund_state(charge) == (500, "partially_refunded", ["succeeded"])
        assert (published()["RefundSucceeded"], published()["RefundRequested"]) == (1, 0)

    def test_is_returned_by_the_bank(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        there = refund_in_dashboard(stripe_sandbox, charge, 500)
        process_event(store_event(stripe_events(stripe_sandbox, "refund.created")[0]))
        stripe_sandbox.settle_refund(there["id"], "fail")
        assert process_event(store_event(stripe_events(stripe_sandbox, "refund.failed")[0])) == "refund failed"
        assert (refund_state(charge), published()["RefundFailed"]) == ((0, "paid", ["failed"]), 1)

    def test_three_at_once(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        refund_in_dashboard(stripe_sandbox, charge, 500)
        [event] = stripe_events(stripe_sandbox, "refund.created")
        stored = [store_event({**event, "id": f"evt_{number}"}) for number in range(3)]
        assert at_once(*[lambda one=one: process_event(one) for one in stored]) == ["refund succeeded"] * 3
        assert (refund_state(charge), published()["RefundSucceeded"]) == ((500, "partially_refunded", ["succeeded"]), 1)

    def test_of_a_payment_whose_success_has_not_arrived(self, stripe_sandbox: StripeSandbox) -> None:
        stripe_sandbox.faults({"path": "/v1/payment_intents/*/confirm", "kind": "drop_after_effect", "times": 1})
        order = place_order()
        with pytest.raises(ProviderUnclear):
            capture(order)
        charge = Charge.objects.get()
        refund_in_dashboard(stripe_sandbox, charge, 1290)

        assert process_event(store_event(stripe_events(stripe_sandbox, "refund.created")[0])) == "refund succeeded"

        assert refund_state(charge) == (1290, "refunded", ["succeeded"])
        assert published() == {"OrderPaid": 1, "RefundSucceeded": 1}

    def test_waits_for_a_pending_refund_of_the_same_money(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        ours = request_refund(charge, 1000)
        refund_in_dashboard(stripe_sandbox, charge, 500)
        stored = store_event(stripe_events(stripe_sandbox, "refund.created")[0])
        with pytest.raises(RefundUnderWay):
            process_event(stored)

        deliver_refund(ours)  # Stripe rejects it

        assert process_event(stored) == "refund succeeded"
        assert refund_state(charge) == (500, "partially_refunded", ["failed", "succeeded"])

    def test_of_more_than_was_paid_is_a_permanent_error(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        deliver_refund(request_refund(charge, 1000))
        there = refund_in_dashboard(stripe_sandbox, charge, 290)
        Charge.objects.filter(pk=charge.pk).update(amount_refunded=1001)  # our books are wrong
        stored = store_event(stripe_events(stripe_sandbox, "refund.created")[-1])
        assert stored.payload["data"]["object"]["id"] == there["id"]
        with pytest.raises(RefundsExceedPayment):
            process_event(stored)

    def test_with_the_id_of_a_refund_that_failed(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        """The money went back, so the books say it; the failed refund stays failed."""
        stripe_sandbox.http.post("/sandbox/stripe/disputes", json={"payment_intent": charge.payment_intent_id})
        refund = request_refund(charge, 500)
        deliver_refund(refund)
        assert refund_state(charge)[2] == ["failed"]
        dispute = stripe_sandbox.objects("disputes")[0]["id"]
        stripe_sandbox.http.post(f"/sandbox/stripe/disputes/{dispute}/closed", json={"status": "won"})
        refund_in_dashboard(stripe_sandbox, charge, 500, **{"metadata[refund]": str(refund.pk)})

        assert process_event(store_event(stripe_events(stripe_sandbox, "refund.created")[0])) == "refund succeeded"

        assert refund_state(charge) == (500, "partially_refunded", ["failed", "succeeded"])
        assert charge.refunds.get(status="succeeded").origin == "stripe"

    def test_of_a_canceled_order(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        Order.objects.filter(pk=charge.order_id).update(status="canceled", canceled_at=NOW)
        refund_in_dashboard(stripe_sandbox, charge, 1290)
        process_event(store_event(stripe_events(stripe_sandbox, "refund.created")[0]))
        assert refund_state(charge) == (1290, "canceled", ["succeeded"])


def paid_by_hand(sandbox: StripeSandbox, **metadata: str) -> str:
    """The id of an intent that was made and paid without us."""
    form = {"amount": "1290", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    marks = {f"metadata[{name}]": value for name, value in metadata.items()}
    made = sandbox.api("POST", "/v1/payment_intents", **form, return_url="https://shop.example", **marks)
    return str(made["id"])


def hint(**fields: Any) -> Any:
    found = {"id": "re_1", "object": "refund", "metadata": {}, **fields}
    return store_event({"id": f"evt_{uuid.uuid4()}", "type": "refund.updated", "data": {"object": found}})


@pytest.mark.parametrize("intent", [None, 7, "", ["pi_1"]])
def test_without_an_intent_it_is_ignored(stripe_sandbox: StripeSandbox, intent: Any) -> None:
    assert process_event(hint(payment_intent=intent)).startswith("ignored")


def test_a_refund_of_a_foreign_payment(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.api("POST", "/v1/refunds", payment_intent=paid_by_hand(stripe_sandbox))
    assert process_event(store_event(stripe_events(stripe_sandbox, "refund.created")[0])).startswith("ignored")
    assert Refund.objects.count() == 0


def test_a_refund_of_a_second_intent_does_not_change_the_order(
    stripe_sandbox: StripeSandbox, charge: Any
) -> None:
    second = paid_by_hand(stripe_sandbox, charge=str(charge.pk))
    stripe_sandbox.api("POST", "/v1/refunds", payment_intent=second)
    assert process_event(store_event(stripe_events(stripe_sandbox, "refund.created")[0])).startswith(
        "ignored: a refund of another"
    )
    assert refund_state(charge) == (0, "paid", [])


def test_a_refund_of_a_missing_charge_is_retried(stripe_sandbox: StripeSandbox) -> None:
    stripe_sandbox.api("POST", "/v1/refunds", payment_intent=paid_by_hand(stripe_sandbox, charge=str(uuid.uuid4())))
    stored = store_event(stripe_events(stripe_sandbox, "refund.created")[0])
    with pytest.raises(ChargeNotHereYet):
        process_event(stored)
    stored.refresh_from_db()
    assert stored.processed_at is None


def test_a_refund_of_an_unpaid_charge_is_retried(stripe_sandbox: StripeSandbox) -> None:
    capture(place_order(payment_method="pm_card_chargeCustomerFail"))
    with pytest.raises(ChargeNotHereYet):
        process_event(hint(payment_intent=Charge.objects.get().payment_intent_id))


def test_retries_process_a_webhook_after_an_outage(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    refund = request_refund(charge, 500)
    made_but_unaware(stripe_sandbox, refund)
    stored = store_event(stripe_events(stripe_sandbox, "refund.created")[0])
    stripe_sandbox.faults({"method": "GET", "path": "/v1/refunds", "kind": "error", "status": 503, "times": 2})
    with pytest.raises(ProviderUnclear):
        process_event(stored)
    assert deliver_refund_by_ladder(refund) == ["ProviderUnclear"]
    assert process_event(stored) == "refund succeeded"
    assert published()["RefundSucceeded"] == 1
