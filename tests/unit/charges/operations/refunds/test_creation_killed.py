"""A worker dies at any moment of a refund; the message comes again; the money goes back once."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.stripe import refunds
from tests.support.concurrency import Died, Moment, Moments, dying
from tests.support.deliveries import deliver_refund, deliver_refund_by_ladder, published
from tests.support.factories import paid_charge, request_refund
from tests.support.refunds import refund_state, refunds_at_stripe
from tests.support.sandboxes import StripeSandbox
from tests.support.stripe_events import process_event, store_event, stripe_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_the_call(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    charge = paid_charge()
    refund = request_refund(charge, 500)
    with monkeypatch.context() as patched:
        patched.setattr(refunds, "create", dying(refunds.create, after=after))
        with pytest.raises(Died):
            deliver_refund(refund)

    assert deliver_refund_by_ladder(refund) == []

    assert refunds_at_stripe(stripe_sandbox) == [(500, "succeeded")]
    assert (refund_state(charge)[2], published()["RefundSucceeded"]) == (["succeeded"], 1)


@pytest.mark.parametrize("rejected", [False, True], ids=["made", "rejected"])
def test_killed_at_every_moment(stripe_sandbox: StripeSandbox, rejected: bool) -> None:
    moments = moments_of_a_refund(stripe_sandbox, rejected=rejected)
    assert len(moments) >= 5

    for moment in moments:
        charge, refund = wanted(stripe_sandbox, rejected=rejected)
        with pytest.raises(Died), Moments(die_at=moment):
            deliver_refund(refund)

        assert deliver_refund_by_ladder(refund) == [], moment

        expected = (0, "paid", ["failed"]) if rejected else (500, "partially_refunded", ["succeeded"])
        assert refund_state(charge) == expected, moment

    deaths = len(moments) + 1
    assert published()["RefundSucceeded"] == (0 if rejected else deaths)
    ours = [one for one in stripe_sandbox.objects("refunds") if "refund" in one["metadata"]]
    assert len(ours) == (0 if rejected else deaths)
    assert len({one["metadata"]["refund"] for one in ours}) == len(ours), "never two refunds for a command"


def test_a_webhook_killed_at_every_moment(stripe_sandbox: StripeSandbox) -> None:
    def refunded_at_stripe() -> Any:
        charge = paid_charge()
        stripe_sandbox.api("POST", "/v1/refunds", payment_intent=charge.payment_intent_id, amount="500")
        return charge, store_event(stripe_events(stripe_sandbox, "refund.created")[-1])

    moments = Moments()
    stored = refunded_at_stripe()[1]
    with moments:
        process_event(stored)
    assert len(moments.seen) >= 3

    for moment in moments.seen:
        charge, stored = refunded_at_stripe()
        with pytest.raises(Died), Moments(die_at=moment):
            process_event(stored)
        process_event(stored)
        assert refund_state(charge) == (500, "partially_refunded", ["succeeded"]), moment

    assert published()["RefundSucceeded"] == len(moments.seen) + 1


def wanted(sandbox: StripeSandbox, *, rejected: bool) -> tuple[Any, Any]:
    charge = paid_charge()
    refund = request_refund(charge, 500)
    if rejected:
        sandbox.api("POST", "/v1/refunds", payment_intent=charge.payment_intent_id)
    return charge, refund


def moments_of_a_refund(sandbox: StripeSandbox, *, rejected: bool) -> list[Moment]:
    refund = wanted(sandbox, rejected=rejected)[1]
    moments = Moments()
    with moments:
        deliver_refund(refund)
    return moments.seen
