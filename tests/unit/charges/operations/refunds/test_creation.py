"""A refund is made once at Stripe, even if messages repeat, responses are lost, or another worker was faster."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from contextlib import nullcontext
from typing import Any

import pytest

from charges.operations.refunds import creation as refunds_module
from charges.operations.refunds.creation import UnreadableRefund, make_refund
from charges.queries import RefundNotFound
from integrations.errors import ProviderUnclear
from integrations.stripe import refunds as gateway
from integrations.stripe.errors import InvalidRequest
from orders.models import Order
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import deliver_refund, deliver_refund_by_ladder, published
from tests.support.factories import paid_charge, request_refund
from tests.support.refunds import refund_in_dashboard, refund_state, refunds_at_stripe
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

CREATED = {"method": "POST", "path": "/v1/refunds"}


@pytest.fixture
def charge(stripe_sandbox: StripeSandbox) -> Any:
    return paid_charge()


def test_the_whole_amount(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    refund = request_refund(charge, reason="duplicate")

    deliver_refund(refund)

    refund.refresh_from_db()
    [there] = stripe_sandbox.objects("refunds")
    assert (there["amount"], there["reason"], there["status"]) == (1290, "duplicate", "succeeded")
    assert there["metadata"] == {"refund": str(refund.pk), "charge": str(charge.pk)}
    assert (refund.stripe_id, refund.succeeded_at) == (there["id"], NOW)
    assert refund_state(charge) == (1290, "refunded", ["succeeded"])
    assert published() == {"OrderPaid": 1, "RefundRequested": 1, "RefundSucceeded": 1}
    [call] = stripe_sandbox.requests(path="/v1/refunds")
    assert call["idempotency_key"] == f"refund:{refund.pk}"


def test_parts(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    deliver_refund(request_refund(charge, 290))
    assert refund_state(charge) == (290, "partially_refunded", ["succeeded"])
    deliver_refund(request_refund(charge))
    assert refund_state(charge) == (1290, "refunded", ["succeeded", "succeeded"])
    assert refunds_at_stripe(stripe_sandbox) == [(290, "succeeded"), (1000, "succeeded")]


def test_a_currency_without_decimals(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge(currency="JPY", amount=1290)
    deliver_refund(request_refund(charge, 290))
    assert (refund_state(charge)[:2], refunds_at_stripe(stripe_sandbox)) == (
        (290, "partially_refunded"),
        [(290, "succeeded")],
    )


def test_repeated_messages_create_one_refund(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    refund = request_refund(charge, 500)
    for _ in range(3):
        deliver_refund(refund)
    assert (refunds_at_stripe(stripe_sandbox), len(stripe_sandbox.requests(path="/v1/refunds"))) == (
        [(500, "succeeded")],
        1,
    )
    assert published()["RefundSucceeded"] == 1


def test_a_refund_that_the_bank_has_not_taken_is_pending_and_is_read_again(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge(payment_method="pm_card_pendingRefund")
    refund = request_refund(charge)
    deliver_refund(refund)
    deliver_refund(refund)
    assert refund_state(charge) == (1290, "paid", ["pending"])
    assert "RefundSucceeded" not in published()

    stripe_sandbox.settle_refund(stripe_sandbox.objects("refunds")[0]["id"], "succeed")
    deliver_refund(refund)

    assert (refund_state(charge), refunds_at_stripe(stripe_sandbox)) == (
        (1290, "refunded", ["succeeded"]),
        [(1290, "succeeded")],
    )
    assert published()["RefundSucceeded"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_after_effect"},
        {"kind": "error_after_effect", "status": 500},
        {"kind": "non_json"},
        {"kind": "error", "status": 409},
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 429},
        {"kind": "drop"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_lost_response_is_recovered(
    stripe_sandbox: StripeSandbox, charge: Any, fault: dict[str, Any], times: int
) -> None:
    refund = request_refund(charge, 500)
    stripe_sandbox.faults({**CREATED, **fault, "times": times})

    errors = deliver_refund_by_ladder(refund)

    assert errors
    assert refunds_at_stripe(stripe_sandbox) == [(500, "succeeded")]
    assert refund_state(charge) == (500, "partially_refunded", ["succeeded"])
    assert published()["RefundSucceeded"] == 1


def test_a_refund_behind_a_stored_500_is_found(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    """Stripe fell over after its work; what it stored under the key can never become an answer."""
    refund = request_refund(charge, 500)
    stripe_sandbox.faults({**CREATED, "kind": "error_after_effect", "status": 500, "times": 1})
    with pytest.raises(ProviderUnclear):
        deliver_refund(refund)
    listed = gateway.of_intent
    with pytest.MonkeyPatch.context() as patch:  # the look sees nothing yet
        answers = [iter(()), listed(payment_intent_id=charge.payment_intent_id)]
        patch.setattr(gateway, "of_intent", lambda **_: answers.pop(0))
        deliver_refund(refund)

    assert refunds_at_stripe(stripe_sandbox) == [(500, "succeeded")]
    assert refund_state(charge) == (500, "partially_refunded", ["succeeded"])


@pytest.mark.parametrize("kind", ["drop_after_effect", "drop"])
def test_a_redrive_after_a_month(stripe_sandbox: StripeSandbox, charge: Any, kind: str) -> None:
    """Stripe has forgotten the key; what it was asked for then is found, or asked for under the next one."""
    refund = request_refund(charge, 500)
    stripe_sandbox.faults({**CREATED, "kind": kind, "times": 4})
    for _ in range(4):
        try:
            deliver_refund(refund)
        except ProviderUnclear:
            continue
        break
    stripe_sandbox.faults()
    stripe_sandbox.pass_time(30 * 24 * 3600)

    deliver_refund(refund, at=NOW + dt.timedelta(days=30))

    refund.refresh_from_db()
    assert refunds_at_stripe(stripe_sandbox) == [(500, "succeeded")]
    assert (refund_state(charge), refund.key_version) == (
        (500, "partially_refunded", ["succeeded"]),
        1 if kind == "drop_after_effect" else 2,
    )


def test_two_runs_at_once(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    refund = request_refund(charge, 500)
    stripe_sandbox.faults({"kind": "latency", "min_ms": 30, "max_ms": 60})

    assert at_once(*[lambda: deliver_refund(refund)] * 3) == [None] * 3

    assert (refunds_at_stripe(stripe_sandbox), refund_state(charge)[2]) == ([(500, "succeeded")], ["succeeded"])
    assert published()["RefundSucceeded"] == 1


@pytest.mark.parametrize("round_", range(3))
def test_keys_keep_it_right_without_the_lock(
    stripe_sandbox: StripeSandbox, charge: Any, monkeypatch: pytest.MonkeyPatch, round_: int
) -> None:
    monkeypatch.setattr(refunds_module, "session_lock", lambda _: nullcontext())
    refund = request_refund(charge, 500)
    stripe_sandbox.faults({"kind": "latency", "min_ms": 5, "max_ms": 40})

    at_once(*[lambda: deliver_refund(refund)] * 3)
    deliver_refund_by_ladder(refund)

    assert refunds_at_stripe(stripe_sandbox) == [(500, "succeeded")]
    assert (refund_state(charge), published()["RefundSucceeded"]) == ((500, "partially_refunded", ["succeeded"]), 1)


def test_two_refunds_of_one_charge_at_once(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    first, second = request_refund(charge, 290), request_refund(charge, 1000)
    assert at_once(lambda: deliver_refund(first), lambda: deliver_refund(second)) == [None, None]
    assert refund_state(charge) == (1290, "refunded", ["succeeded", "succeeded"])


class TestRejections:
    def test_staff_refunded_all_of_it_at_stripe(
        self, stripe_sandbox: StripeSandbox, charge: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        refund = request_refund(charge, 500)
        refund_in_dashboard(stripe_sandbox, charge, 1290)

        deliver_refund(refund)

        refund.refresh_from_db()
        assert (refund.status, refund.failure_code, refund.failed_at) == ("failed", "charge_already_refunded", NOW)
        assert refund_state(charge) == (0, "paid", ["failed"])
        assert "RefundFailed" not in published()
        assert [record.levelno for record in caplog.records if "was rejected" in record.message] == [logging.ERROR]

    def test_the_amount_is_larger_than_the_remaining_one(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        refund = request_refund(charge, 500)
        refund_in_dashboard(stripe_sandbox, charge, 1000)
        deliver_refund(refund)
        refund.refresh_from_db()
        assert (refund.status, refund.failure_code, refund_state(charge)[0]) == ("failed", "amount_too_large", 0)

    def test_a_disputed_payment(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        stripe_sandbox.http.post(
            "/sandbox/stripe/disputes", json={"payment_intent": charge.payment_intent_id}
        ).raise_for_status()
        refund = request_refund(charge, 500)
        deliver_refund(refund)
        refund.refresh_from_db()
        assert (refund.status, refund.failure_code, refund_state(charge)[0]) == ("failed", "charge_disputed", 0)

    def test_our_refund_already_exists(
        self, stripe_sandbox: StripeSandbox, charge: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Asked for under a key that is lost, as after a restored backup: the row has not heard of it."""
        refund = request_refund(charge)
        there = refund_in_dashboard(stripe_sandbox, charge, 1290, **{"metadata[refund]": str(refund.pk)})

        deliver_refund(refund)

        refund.refresh_from_db()
        assert (refund.stripe_id, refund_state(charge)) == (there["id"], (1290, "refunded", ["succeeded"]))

    def test_our_fault_is_recorded_and_raised(
        self, stripe_sandbox: StripeSandbox, charge: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refund = request_refund(charge, 500)
        monkeypatch.setattr(refunds_module, "_reason", lambda _: "because")

        with pytest.raises(InvalidRequest):
            deliver_refund(refund)

        refund.refresh_from_db()
        assert (refund.status, refund.failure_code) == ("failed", "rejected:reason")
        assert refund_state(charge) == (0, "paid", ["failed"])
        monkeypatch.undo()

        deliver_refund(refund)  # redriven: its money may be part of another refund by now

        assert refunds_at_stripe(stripe_sandbox) == []
        deliver_refund(request_refund(charge, 500))
        assert refunds_at_stripe(stripe_sandbox) == [(500, "succeeded")]

    def test_an_unreadable_refund_does_not_fail(
        self, stripe_sandbox: StripeSandbox, charge: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The refund may exist in another account, which this key cannot read."""
        refund = request_refund(charge, 500)
        stripe_sandbox.faults({**CREATED, "kind": "drop_after_effect", "times": 1})
        with pytest.raises(ProviderUnclear):
            deliver_refund(refund)

        def unreadable(**_: str) -> Any:
            raise InvalidRequest("No such payment_intent", code="resource_missing")
            yield

        with monkeypatch.context() as patch:
            patch.setattr(gateway, "of_intent", unreadable)
            with pytest.raises(UnreadableRefund):
                deliver_refund(refund)
        assert refund_state(charge) == (500, "paid", ["pending"])
        deliver_refund(refund)
        assert refunds_at_stripe(stripe_sandbox) == [(500, "succeeded")]

    def test_a_wrong_api_key_fails_no_refund(self, stripe_sandbox: StripeSandbox, charge: Any) -> None:
        refund = request_refund(charge, 500)
        stripe_sandbox.faults({**CREATED, "kind": "error", "status": 401, "times": 1})
        assert deliver_refund_by_ladder(refund) == ["NotAuthorized"]
        assert refund_state(charge)[2] == ["succeeded"]


def test_the_payment_of_a_canceled_order_is_refunded_and_the_order_stays_canceled(
    stripe_sandbox: StripeSandbox, charge: Any
) -> None:
    Order.objects.filter(pk=charge.order_id).update(status="canceled", canceled_at=NOW)
    deliver_refund(request_refund(charge))
    assert refund_state(charge) == (1290, "canceled", ["succeeded"])


def test_an_unknown_refund() -> None:
    with pytest.raises(RefundNotFound):
        make_refund(refund_id=uuid.uuid4(), at=NOW)


def test_every_refund_of_a_payment_is_listed_over_many_pages(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    other = paid_charge(customer=charge.order.customer)
    refund_in_dashboard(stripe_sandbox, other, 7)
    for _ in range(103):
        refund_in_dashboard(stripe_sandbox, charge, 1)
    amounts = [one.amount for one in gateway.of_intent(payment_intent_id=charge.payment_intent_id)]
    assert amounts == [1] * 103


def test_only_the_needed_values_of_stripe_are_stored(stripe_sandbox: StripeSandbox, charge: Any) -> None:
    there = refund_in_dashboard(stripe_sandbox, charge, 10, reason="fraudulent")
    read = gateway.retrieve(refund_id=there["id"])
    assert (read.amount, read.currency, read.reason, read.failure_reason) == (10, "EUR", "fraudulent", "")
    assert (read.payment_intent_id, read.status, read.metadata) == (charge.payment_intent_id, "succeeded", {})


def test_a_part_of_a_fulfilled_order(charge: Any) -> None:
    Order.objects.filter(pk=charge.order_id).update(status="fulfilled", fulfilled_at=NOW)
    deliver_refund(request_refund(charge, 290))
    assert refund_state(charge)[1] == "partially_refunded"
