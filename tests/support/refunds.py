"""What refund tests share: paid orders, commands of staff, and the work of the task."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from tests.support.payments import NOW, StripeSandbox, by_ladder, capture, place_order

_numbers = itertools.count(1)


def paid_charge(**order: Any) -> Any:
    """The charge of an order that was paid at Stripe."""
    from charges.models import Charge

    placed = place_order(**order)
    capture(placed)
    return Charge.objects.select_related("order").get(order=placed)


def somebody(**fields: Any) -> Any:
    """A login of staff."""
    from subscriptions.models import User

    return User.objects.create_user(f"staff-{next(_numbers)}@example.com", is_staff=True, **fields)


def ask(charge: Any, amount: int | None = None, **fields: Any) -> Any:
    """The refund that a command of staff leads to."""
    return request(charge, amount, **fields).refund


def request(charge: Any, amount: int | None = None, **fields: Any) -> Any:
    from charges.operations.refunds.requests import Command, request_refund

    number = next(_numbers)
    said = {"reason": "", "note": "", "key": f"key-{number}", "hash": f"hash-{number}", **fields}
    said["order_number"] = said.get("order_number") or charge.order.number
    said["requested_by"] = said.get("requested_by") or somebody()
    return request_refund(command=Command(amount=amount, **said), at=NOW)


def make(refund: Any, *, at: dt.datetime = NOW) -> None:
    """One delivery of the refund's message."""
    from charges.operations.refunds.creation import make_refund

    make_refund(refund_id=refund.pk, at=at)


def make_by_ladder(refund: Any, *, tries: int = 4, at: dt.datetime = NOW) -> list[str]:
    """Deliver the message as the ladder would; the names of the errors on the way."""
    return by_ladder(lambda: make(refund, at=at), tries=tries)


def state(charge: Any) -> tuple[int, str, list[str]]:
    """What the charge counts as refunded, the order's state, and its refunds' states, oldest first."""
    charge.refresh_from_db()
    charge.order.refresh_from_db()
    return charge.amount_refunded, charge.order.status, [one.status for one in charge.refunds.order_by("pk")]


def at_stripe(sandbox: StripeSandbox) -> list[tuple[int, str]]:
    """Amount and state of every refund that Stripe has, oldest first."""
    return [(one["amount"], one["status"]) for one in reversed(sandbox.objects("refunds"))]


def made_at_stripe(sandbox: StripeSandbox, charge: Any, amount: int, **form: str) -> dict[str, Any]:
    """Somebody refunds in Stripe's dashboard."""
    return sandbox.api("POST", "/v1/refunds", payment_intent=charge.payment_intent_id, amount=str(amount), **form)
