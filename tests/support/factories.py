"""Rows for tests: customers, orders, payments, refunds and dunning runs, made by the real operations where possible."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping
from dataclasses import asdict
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
from orders.operations.contacts import contact_of
from subscriptions import actors
from subscriptions.billing_periods import BillingCycle
from subscriptions.models import BillingPeriod, Customer, Plan, Price, Subscription, User
from subscriptions.operations.periods import PERIOD_FIELDS, move_to, record_first_period
from subscriptions.operations.prices import Terms, set_price
from subscriptions.operations.subscriptions import Purchase, start_subscription
from subscriptions.queries import current_price
from tests.support.days import NOW, Days
from tests.support.deliveries import capture, start_fulfillments

_numbers = itertools.count(1)
STAFF = actors.system("tests")

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


def make_plan(
    *, amount: int = 1290, currency: str = "EUR", interval: str = "month", interval_count: int = 1, **fields: Any
) -> Plan:
    """A plan with a price: coffee, monthly, unless the fields say otherwise."""
    plan = Plan.objects.create(**{"code": f"plan-{next(_numbers)}", "name": "Coffee", **fields})
    change_price(plan, amount=amount, currency=currency, interval=interval, interval_count=interval_count)
    return plan


def change_price(plan: Plan, **terms: Any) -> Price:
    """The plan's price with these terms, as staff set it."""
    current = current_price(plan=plan)
    kept = {} if current is None else asdict(Terms.of(current))
    return set_price(plan=plan, terms=Terms(**{**kept, **terms}), actor=STAFF, at=NOW)


def started_subscription(
    plan: Plan,
    *,
    at: dt.datetime = NOW,
    time_zone: str = "UTC",
    quantity: int = 1,
    trial_days: int = 0,
    customer: Customer | None = None,
) -> Subscription:
    """A subscription to the plan as a checkout at this time starts it, by default Ann Lee's. It is incomplete."""
    price = current_price(plan=plan)
    assert price is not None
    purchase = Purchase(
        price=price,
        quantity=quantity,
        payment_method="pm_1",
        shipping_address=None,
        time_zone=time_zone,
        trial_days=trial_days,
    )
    first = start_subscription(customer=customer or make_customer(), purchase=purchase, at=at)
    return first.subscription


def make_order(
    *,
    status: str = Order.Status.PAID,
    customer: Mapping[str, Any] | Customer | None = None,
    plan: Mapping[str, Any] | None = None,
    quantity: int = 1,
    start: dt.datetime | None = None,
    subscription: Subscription | None = None,
) -> Order:
    """An order of Ann Lee for the plan ``coffee``. ``customer`` and ``plan`` are the fields that differ from hers.

    With a ``subscription``, it is the order of the subscription's next period.
    """
    start = start or dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    buyer = customer if isinstance(customer, Customer) else make_customer(**(customer or {}))
    if subscription is None:
        fields = {"code": "coffee", "name": "Coffee, monthly"} | dict(plan or {})
        bought = Plan.objects.filter(code=fields["code"]).first() or make_plan(**fields)
        period = _first_period(buyer, bought, start, quantity=quantity)
    else:
        period = next_period(subscription)
    price = period.subscription.price
    order = Order.objects.create(
        kind=_kind(period),
        customer=buyer,
        subscription=period.subscription,
        period=period,
        status=status,
        amount=price.amount * quantity,
        currency=price.currency,
        payment_method="pm_card_visa",
        **contact_of(buyer),
        period_start=period.start,
        period_end=period.end,
        **_times_of(status, at=start),
    )
    return _with_line(order)


def place_order(
    *,
    payment_method: str = "pm_card_visa",
    amount: int = 1290,
    currency: str = "EUR",
    interval: str = "month",
    **fields: Any,
) -> Any:
    """An order with its own customer, plan and subscription. Unless ``status`` says otherwise, it awaits payment.

    Stripe may reject its ``amount``, as a plan of such a price cannot exist.
    """
    number = next(_numbers)
    customer = fields.pop("customer", None) or Customer.objects.create(
        email=f"buyer-{number}@example.com", email_key=f"buyer-{number}@example.com", name=f"Buyer {number}"
    )
    plan = make_plan(amount=max(amount, 50), currency=currency, interval=interval)
    period = _first_period(customer, plan, timezone.now(), payment_method=payment_method)
    return _with_line(_order_of(period, amount=amount, currency=currency, payment_method=payment_method, **fields))


def free_order(subscription: Subscription) -> Order:
    """The unpaid order of the trial of a subscription."""
    period = subscription.periods.get()
    order = _order_of(period, amount=0, currency=subscription.price.currency, payment_method="pm_card_visa")
    OrderLine.objects.create(
        order=order, kind="trial", plan=subscription.plan, description="Coffee", quantity=1, unit_amount=1290, amount=0
    )
    return order


def place_renewal(order: Any, *, payment_method: str, **fields: Any) -> Any:
    """The order of the next period of the same subscription."""
    period = next_period(order.subscription)
    given = {"amount": order.amount, "currency": order.currency, "payment_method": payment_method, **fields}
    return _with_line(_order_of(period, **given))


def next_period(subscription: Subscription) -> BillingPeriod:
    """The next period of the subscription, begun before its time and even if the subscription does not renew."""
    subscription.refresh_from_db()
    period = subscription.period(subscription.period_number + 1)
    row = BillingPeriod.objects.create(
        subscription=subscription, number=period.number, start=period.start, end=period.end, outcome="billed", at=NOW
    )
    renews = subscription.renews_at is not None
    move_to(subscription=subscription, period=row)
    subscription.renews_at = row.end if renews else None
    subscription.save(update_fields=PERIOD_FIELDS)
    return row


def _first_period(
    customer: Customer, plan: Plan, start: dt.datetime, *, quantity: int = 1, payment_method: str = "pm_card_visa"
) -> BillingPeriod:
    """The first period of a new subscription. Nothing is recorded of its start, so that tests may set its status."""
    price = current_price(plan=plan)
    assert price is not None
    end = BillingCycle(anchor_at=start, time_zone="UTC", interval=price.billing_interval).boundary(1)
    subscription = Subscription.objects.create(
        customer=customer,
        plan=plan,
        price=price,
        quantity=quantity,
        payment_method=payment_method,
        time_zone="UTC",
        anchor_at=start,
        current_period_start=start,
        current_period_end=end,
        renews_at=end,
    )
    return record_first_period(subscription=subscription, outcome=BillingPeriod.Outcome.BILLED, at=start)


def _kind(period: BillingPeriod) -> Order.Kind:
    return Order.Kind.FIRST if period.number == 0 else Order.Kind.RENEWAL


def _order_of(period: BillingPeriod, **fields: Any) -> Order:
    return Order.objects.create(
        kind=_kind(period),
        customer=period.subscription.customer,
        subscription=period.subscription,
        period=period,
        **contact_of(period.subscription.customer),
        period_start=period.start,
        period_end=period.end,
        **{**_times_of(fields.get("status", ""), at=NOW), **fields},
    )


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
    return make_charge(order, status="succeeded", succeeded_at=NOW, payment_intent_id=f"pi_{order.pk.hex}")


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
    start_fulfillments(order=order)
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
