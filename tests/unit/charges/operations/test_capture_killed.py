"""A worker dies at any line of a capture; the message comes again; the card is charged once."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import charges.operations
from charges.models import Charge
from integrations.stripe import customers, payment_intents, payment_methods
from orders.models import Order
from tests.support.payments import Died, StripeSandbox, capture, capture_by_ladder, dying, place_order, published

pytestmark = pytest.mark.django_db(transaction=True)

FOLDER = str(Path(charges.operations.__path__[0]))
CALLS = [(customers, "create"), (payment_methods, "attach"), (payment_intents, "create"), (payment_intents, "confirm")]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("module", "name"), CALLS, ids=["customer", "attach", "create", "confirm"])
def test_killed_around_a_call(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool
) -> None:
    order = place_order()
    with monkeypatch.context() as patched:
        patched.setattr(module, name, dying(getattr(module, name), after=after))
        with pytest.raises(Died):
            capture(order)

    assert capture_by_ladder(order) == []

    assert stripe_sandbox.statuses() == ["succeeded"]
    assert [charge["status"] for charge in stripe_sandbox.objects("charges")] == ["succeeded"]
    assert len(stripe_sandbox.objects("customers")) == 1
    order.refresh_from_db()
    assert (order.status, published()) == ("paid", {"OrderPaid": 1})


OUTCOMES = {
    "pm_card_visa": ("paid", "OrderPaid"),
    "pm_card_chargeCustomerFail_lost_card": ("payment_failed", "PaymentFailed"),
    "pm_card_authenticationRequired": ("requires_action", "PaymentActionRequired"),
    "pm_card_chargeDeclined": ("payment_failed", "PaymentFailed"),
}


@pytest.mark.parametrize("card", OUTCOMES)
def test_killed_at_every_line(stripe_sandbox: StripeSandbox, card: str) -> None:
    status, event = OUTCOMES[card]
    lines = every_line_of_a_capture(card)
    if card != "pm_card_visa":  # up to the bank's answer they all go the same way
        lines = [line for line in lines if line[0] in ("capture.py", "settlement.py")]
    assert len(lines) > 30

    for line in lines:
        order = place_order(payment_method=card)
        with pytest.raises(Died), Lines(die_at=line):
            capture(order)

        assert capture_by_ladder(order) == [], line

        assert Order.objects.get(pk=order.pk).status == status, line
        assert not Charge.objects.get(order=order).attempts.filter(status="started").exists(), line

    intents = stripe_sandbox.intents()
    charges_of_intents = [intent["metadata"]["charge"] for intent in intents]
    assert len(set(charges_of_intents)) == len(intents), "never two intents for a charge"
    succeeded = [intent for intent in intents if intent["status"] == "succeeded"]
    deaths = len(lines) + 1
    assert len(succeeded) == (deaths if status == "paid" else 0)
    assert len(stripe_sandbox.objects("charges")) == (0 if card == "pm_card_chargeDeclined" else min(deaths, 100))
    assert published() == {event: deaths}


def every_line_of_a_capture(card: str) -> list[tuple[str, int]]:
    lines = Lines()
    with lines:
        capture(place_order(payment_method=card))
    return list(lines.seen)


class Lines:
    """Notes the lines of our own code as they run for the first time, or dies at one of them."""

    def __init__(self, die_at: tuple[str, int] | None = None) -> None:
        self.seen: dict[tuple[str, int], None] = {}
        self.die_at = die_at

    def __enter__(self) -> None:
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(FOLDER) else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        line = (Path(frame.f_code.co_filename).name, frame.f_lineno)
        if event == "line":
            if line == self.die_at:
                sys.settrace(None)
                raise Died(f"{line}")
            self.seen.setdefault(line)
        return self._line
