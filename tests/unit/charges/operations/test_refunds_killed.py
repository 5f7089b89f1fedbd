"""A worker dies at any line of a refund; the message comes again; the money goes back once."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.stripe import refunds
from tests.support.payments import Died, StripeSandbox, dying, published
from tests.support.refunds import ask, at_stripe, make, make_by_ladder, paid_charge, state
from tests.unit.charges.operations.test_capture_killed import Lines
from tests.unit.charges.operations.test_stripe_events import events, process, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_the_call(stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    charge = paid_charge()
    refund = ask(charge, 500)
    with monkeypatch.context() as patched:
        patched.setattr(refunds, "create", dying(refunds.create, after=after))
        with pytest.raises(Died):
            make(refund)

    assert make_by_ladder(refund) == []

    assert at_stripe(stripe_sandbox) == [(500, "succeeded")]
    assert (state(charge)[2], published()["RefundSucceeded"]) == (["succeeded"], 1)


@pytest.mark.parametrize("refused", [False, True], ids=["made", "refused"])
def test_killed_at_every_line(stripe_sandbox: StripeSandbox, refused: bool) -> None:
    lines = every_line(stripe_sandbox, refused=refused)
    if refused:  # up to Stripe's answer both go the same way
        lines = [line for line in lines if line[0] in ("refunds.py", "refund_settlement.py")]
    assert len(lines) > 20

    for line in lines:
        charge, refund = wanted(stripe_sandbox, refused=refused)
        with pytest.raises(Died), Lines(die_at=line):
            make(refund)

        assert make_by_ladder(refund) == [], line

        expected = (0, "paid", ["failed"]) if refused else (500, "partially_refunded", ["succeeded"])
        assert state(charge) == expected, line

    deaths = len(lines) + 1
    assert published()["RefundSucceeded"] == (0 if refused else deaths)
    ours = [one for one in stripe_sandbox.objects("refunds") if "refund" in one["metadata"]]
    assert len(ours) == (0 if refused else min(deaths, 100))
    assert len({one["metadata"]["refund"] for one in ours}) == len(ours), "never two refunds for a command"


def test_a_webhook_killed_at_every_line(stripe_sandbox: StripeSandbox) -> None:
    def refunded_at_stripe() -> Any:
        charge = paid_charge()
        stripe_sandbox.api("POST", "/v1/refunds", payment_intent=charge.payment_intent_id, amount="500")
        return charge, told(events(stripe_sandbox, "refund.created")[-1])

    lines = Lines()
    stored = refunded_at_stripe()[1]
    with lines:
        process(stored)
    assert len(lines.seen) > 30

    for line in lines.seen:
        charge, stored = refunded_at_stripe()
        with pytest.raises(Died), Lines(die_at=line):
            process(stored)
        process(stored)
        assert state(charge) == (500, "partially_refunded", ["succeeded"]), line

    assert published()["RefundSucceeded"] == len(lines.seen) + 1


def wanted(sandbox: StripeSandbox, *, refused: bool) -> tuple[Any, Any]:
    charge = paid_charge()
    refund = ask(charge, 500)
    if refused:
        sandbox.api("POST", "/v1/refunds", payment_intent=charge.payment_intent_id)
    return charge, refund


def every_line(sandbox: StripeSandbox, *, refused: bool) -> list[tuple[str, int]]:
    refund = wanted(sandbox, refused=refused)[1]
    lines = Lines()
    with lines:
        make(refund)
    return list(lines.seen)
