"""Rows for tests: customers, orders, payments, refunds and dunning runs, made by the real operations where possible."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from charges.models import (
    Charge,
    ChargeAttempt,
    Dispute,
    DunningRun,
    DunningStep,
    ReconciliationFinding,
    ReconciliationRun,
)
from charges.operations.refunds.requests import Command
from charges.operations.refunds.requests import request_refund as run_refund_command
from integrations.outbox.models import OutboxMessage
from notifications.models import Notification
from orders.models import PAID, Order, OrderLine
from subscriptions.models import Customer, Plan, Subscription, User
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, start_fulfillments

_numbers = itertools.count(1)

# Stripe's test cards: the bank may accept a later attempt, will never accept one, or asks the customer to confirm.
SOFT = "pm_card_chargeCustomerFail_insufficient_funds"
HARD = "pm_card_chargeCustomerFail_lost_card"
SCA = "pm_card_authenticationRequired"

# People


def make_customer(**fields: Any) -> Customer:
    """Ann Lee, with all contact data."""
    values = {
        "email": "Ann.Lee@example.com",
        "name": "Ann Lee",
        "phone": "+4915112345678",
        "locale": "en",
        "sms_consent": True,
        **fields,
    }
    return Customer.objects.create(**values, email_key=values["email"].casefold())


def staff_user(**fields: Any) -> Any:
    """A login of a staff member, without permissions."""
    return User.objects.create_user(f"staff-{next(_numbers)}@example.com", is_staff=True, **fields)


# Orders


def make_order(
    *,
    status: str = Order.Status.PAID,
    customer: Mapping[str, Any] | Customer | None = None,
    plan: Mapping[str, Any] | None = None,
    quantity: int = 1,
    start: dt.datetime | None = None,
    subscription: Subscription | None = None,
) -> Order:
    """An order of Ann Lee for the plan ``coffee``. ``customer`` and ``plan`` are the fields that differ from hers."""
    start = start or dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    buyer = customer if isinstance(customer, Customer) else make_customer(**(customer or {}))
    fields = {"code": "coffee", "name": "Coffee, monthly", "amount": 1290, "currency": "EUR"} | dict(plan or {})
    bought, _ = Plan.objects.get_or_create(code=fields.pop("code"), defaults=fields)
    if subscription is None:
        subscription = Subscription.objects.create(
            customer=buyer,
            plan=bought,
            quantity=quantity,
            payment_method="pm_card_visa",
            current_period_start=start,
            current_period_end=bought.period_end(start),
        )
    order = Order.objects.create(
        customer=buyer,
        subscription=subscription,
        status=status,
        amount=bought.amount * quantity,
        currency=bought.currency,
        payment_method="pm_card_visa",
        period_start=start,
        period_end=bought.period_end(start),
        **_times_of(status, at=start),
    )
    return _with_line(order)


def place_order(
    *, payment_method: str = "pm_card_visa", amount: int = 1290, currency: str = "EUR", **fields: Any
) -> Any:
    """An order with its own customer, plan and subscription. Unless ``status`` says otherwise, it awaits payment.

    Stripe may refuse its ``amount``, as a plan of such a price cannot exist.
    """
    number = next(_numbers)
    customer = fields.pop("customer", None) or Customer.objects.create(
        email=f"buyer-{number}@example.com", email_key=f"buyer-{number}@example.com", name=f"Buyer {number}"
    )
    plan = Plan.objects.create(code=f"plan-{number}", name="Coffee", amount=max(amount, 50), currency=currency)
    period = {"start": timezone.now(), "end": timezone.now() + dt.timedelta(days=30)}
    subscription = Subscription.objects.create(
        customer=customer,
        plan=plan,
        quantity=1,
        payment_method=payment_method,
        current_period_start=period["start"],
        current_period_end=period["end"],
    )
    order = Order.objects.create(
        customer=customer,
        subscription=subscription,
        amount=amount,
        currency=currency,
        payment_method=payment_method,
        period_start=period["start"],
        period_end=period["end"],
        **{**_times_of(fields.get("status", ""), at=NOW), **fields},
    )
    return _with_line(order)


def place_renewal(order: Any, *, payment_method: str, **fields: Any) -> Any:
    """The order of the next period of the same subscription."""
    renewal = Order.objects.create(
        customer=order.customer,
        subscription=order.subscription,
        amount=order.amount,
        currency=order.currency,
        payment_method=payment_method,
        period_start=order.period_end,
        period_end=order.period_end + (order.period_end - order.period_start),
        **{**_times_of(fields.get("status", ""), at=NOW), **fields},
    )
    return _with_line(renewal)


def _times_of(status: str, *, at: dt.datetime) -> dict[str, dt.datetime | None]:
    """The times without which the database refuses an order of this status."""
    return {
        "paid_at": at if status in PAID else None,
        "fulfilled_at": at if status == Order.Status.FULFILLED else None,
        "canceled_at": at if status == Order.Status.CANCELED else None,
    }


def _with_line(order: Order) -> Order:
    plan, quantity = order.subscription.plan, order.subscription.quantity
    OrderLine.objects.create(
        order=order,
        plan=plan,
        description=plan.name,
        quantity=quantity,
        unit_amount=order.amount // quantity,
        amount=order.amount,
    )
    return order


# Payments


def charge_of(order: Any) -> Any:
    """The order's charge as stored now."""
    return Charge.objects.get(order=order)


def dunning_run_of(order: Any) -> Any:
    """The order's dunning run as stored now."""
    return DunningRun.objects.get(order=order)


def make_charge(order: Any = None, **fields: Any) -> Charge:
    """The pending charge of an order, without a call to Stripe."""
    order = order or place_order()
    values = {"amount": order.amount, "currency": order.currency, "payment_method": order.payment_method, **fields}
    return Charge.objects.create(order=order, **values)


def make_attempt(charge: Charge, **fields: Any) -> ChargeAttempt:
    """The next attempt at a charge. If its status is final, it has ended."""
    number = fields.get("number") or charge.attempts.count() + 1
    values = {
        "number": number,
        "idempotency_key": f"{charge.pk}:{number}",
        "payment_method": charge.payment_method,
        "started_at": NOW,
        **fields,
    }
    is_open = values.get("status", "started") in ChargeAttempt.OPEN
    return charge.attempts.create(**{"finished_at": None if is_open else NOW, **values})


def succeeded_charge(order: Any) -> Any:
    """The charge of a paid order, without a call to Stripe."""
    return Charge.objects.create(
        order=order,
        amount=order.amount,
        currency=order.currency,
        status="succeeded",
        succeeded_at=NOW,
        payment_intent_id=f"pi_{order.pk.hex}",
    )


def paid_charge(**order: Any) -> Any:
    """The charge of an order that was paid at Stripe."""
    placed = place_order(**order)
    capture(placed)
    return Charge.objects.select_related("order").get(order=placed)


def declined_order(decline_code: str) -> Any:
    """An order whose payment was declined at Stripe with this code."""
    order = place_order(payment_method=f"pm_card_chargeCustomerFail_{decline_code}")
    capture(order)
    return order


# Dunning


def paid_before(days: Days, **plan: str) -> Any:
    """The paid first order of a subscription, which is active since then."""
    order = place_order()
    Plan.objects.filter(pk=order.subscription.plan_id).update(**plan)
    order.refresh_from_db()
    capture(order, at=days.now)
    start_fulfillments()
    order.refresh_from_db()
    assert order.subscription.status == "active"
    return order


def unpaid(days: Days, card: str = SOFT, **plan: str) -> Any:
    """The second order of a subscription. Its payment fails now."""
    order = place_renewal(paid_before(days, **plan), payment_method=card)
    OutboxMessage.objects.all().delete()
    capture(order, at=days.now)
    order.refresh_from_db()
    assert order.status in ("payment_failed", "requires_action")
    return order


def two_unpaid(days: Days, **plan: str) -> tuple[Any, Any]:
    """Two orders of one subscription, both declined now."""
    first = unpaid(days, **plan)
    second = place_renewal(first, payment_method=SOFT)
    capture(second, at=days.now)
    return first, second


def make_dunning_run(order: Any, **fields: Any) -> DunningRun:
    """An active run with the schedule 2, 5 and 7 days, and no step."""
    values = {"schedule": [2, 5, 7], "unpaid_policy": "cancel", "started_at": NOW, **fields}
    ended = {} if values.get("status", "active") == "active" else {"ended_at": NOW}
    return DunningRun.objects.create(**{"order": order, **ended, **values})


def plan_dunning_step(order: Any) -> dt.datetime:
    """Give the order one dunning step, due in two days. Returns when it is due."""
    due = timezone.now() + dt.timedelta(days=2)
    run, _ = DunningRun.objects.get_or_create(
        order=order, defaults={"schedule": [2], "unpaid_policy": "cancel", "started_at": timezone.now()}
    )
    DunningStep.objects.filter(run=run).delete()
    DunningStep.objects.create(run=run, number=1, due_at=due)
    return due


# Refunds


def request_refund(charge: Any, amount: int | None = None, **fields: Any) -> Any:
    """The refund that a staff member's command creates."""
    return submit_refund_command(charge, amount, **fields).refund


def submit_refund_command(charge: Any, amount: int | None = None, **fields: Any) -> Any:
    """The result of a staff member's command, which may be a replay of an earlier one."""
    number = next(_numbers)
    values = {"reason": "", "note": "", "key": f"key-{number}", "hash": f"hash-{number}", **fields}
    values["order_number"] = values.get("order_number") or charge.order.number
    values["requested_by"] = values.get("requested_by") or staff_user()
    return run_refund_command(command=Command(amount=amount, **values), at=NOW)


# The back office


def troubled_order(*, steps: int = 0, **fields: Any) -> Any:
    """An order with a charge, a refund, a dispute, a reconciliation finding, a message to its customer, and ``steps``
    of dunning, so that every list of the admin has a row."""
    order = place_order(status="paid", paid_at=NOW, **fields)
    charge = succeeded_charge(order)
    request_refund(charge, 1)
    disputed = {"amount": 1290, "currency": "EUR", "status": "needs_response", "opened_at": NOW, "due_by": NOW}
    Dispute.objects.create(charge=charge, stripe_id=f"du_{order.pk.hex}", is_inquiry=False, **disputed)
    run = DunningRun.objects.create(order=order, schedule=[2] * 8, unpaid_policy="cancel", started_at=NOW)
    for number in range(1, steps + 1):
        attempt = charge.attempts.create(
            number=number, idempotency_key=f"{charge.pk}:{number}", status="declined", started_at=NOW, finished_at=NOW
        )
        run.steps.create(number=number, due_at=NOW, status="attempted", done_at=NOW, attempt=attempt)
    ReconciliationFinding.objects.create(
        run=ReconciliationRun.objects.create(since=NOW - dt.timedelta(days=1), until=NOW, started_at=NOW),
        charge=charge,
        kind="intent",
        problem="missing_there",
        stripe_id=charge.payment_intent_id,
        details="Stripe does not know it.",
        next_step="Look at it.",
        status="suspected",
        made_at=NOW,
        first_seen_at=NOW,
        last_seen_at=NOW,
    )
    Notification.objects.create(kind="payment_failed", channel="email", customer=order.customer, order=order)
    return order
