"""The part of this app in a customer's copy and erasure: the orders.

Amounts, lines and times stay, because the law requires the invoices. Of a delivery address, the country and the start
of the postal code stay: the country decides the tax. The stored responses of the checkout name nobody and stay for
their 24 hours: without them, a repeated request would place its order again and write the person back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from orders.models import AWAITING_PAYMENT, BalanceEntry, Order
from orders.operations.locks import locked_orders_of
from subscriptions.models import Erasure, ErasureStep
from subscriptions.operations.erasures.parts import Kept, Part, Step
from subscriptions.operations.erasures.progress import run_step

ORDERS = Step(
    name="orders",
    task="orders.erase_addresses",
    system="Shop",
    erases="names, phones and consents of orders, and their delivery addresses except the country and the start of the "
    "postal code",
)
POSTAL_CODE_START = 2
BATCH = 500
ERASED_FIELDS = ("contact_name", "contact_phone", "sms_consent", "marketing_consent", "shipping_address")
# Section 147 of the German tax code: eight years after the end of the year.
YEARS_OF_INVOICES = 8
WHY_INVOICES = "invoices must be kept: GDPR art. 17(3)(b), German tax code section 147"


def erase_addresses(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Erase the contact data and shorten the delivery addresses. Returns False if it was done before."""
    return run_step(erasure_id=erasure_id, name=ORDERS.name, work=_erase_addresses, at=at)


def shortened(address: Mapping[str, Any]) -> dict[str, str]:
    """The part of a delivery address that stays. Shortening it again changes nothing."""
    country, code = str(address.get("country") or ""), str(address.get("postal_code") or "")
    return {"country": country, "postal_code": code[:POSTAL_CODE_START]}


def keep_invoices_until(*, customer_id: UUID, at: dt.datetime) -> dt.date:
    """The last day on which the invoices of the customer's orders must be kept."""
    last = Order.objects.filter(customer=customer_id).aggregate(at=Max("placed_at"))["at"] or at
    return dt.date(last.year + YEARS_OF_INVOICES, 12, 31)


def _erase_addresses(erasure: Erasure, _: ErasureStep) -> str:
    last: UUID | None = None
    count = 0
    while orders := _erase_batch(erasure.customer_id, after=last):
        last, count = orders[-1].pk, count + len(orders)
    return f"contact data of {count} orders erased"


@transaction.atomic(durable=True)
def _erase_batch(customer_id: UUID, *, after: UUID | None) -> list[Order]:
    orders = locked_orders_of(customer_id=customer_id, after=after, batch=BATCH)
    for order in orders:
        order.contact_name = order.contact_phone = ""
        order.sms_consent = order.marketing_consent = False
        if order.shipping_address is not None:
            order.shipping_address = shortened(order.shipping_address)
    Order.objects.bulk_update(orders, ERASED_FIELDS)
    return orders


def _phones(customer_id: UUID) -> Sequence[str]:
    orders = Order.objects.filter(customer=customer_id).exclude(contact_phone="")
    return list(orders.order_by("contact_phone").values_list("contact_phone", flat=True).distinct())


def _open_money(customer_id: UUID) -> Sequence[str]:
    orders = Order.objects.filter(customer=customer_id).order_by("pk")
    unpaid = orders.filter(status__in=AWAITING_PAYMENT).values_list("number", flat=True)
    # A partially refunded order that was never started waits for a decision of staff, which may never come.
    unfulfilled = orders.filter(status=Order.Status.PAID, fulfillment_started_at=None).values_list("number", flat=True)
    return [
        *(f"Order {number} is not paid. Pay it, or cancel its subscription." for number in unpaid),
        *(f"Order {number} is paid and its fulfillment has not started. Try again later." for number in unfulfilled),
    ]


def _orders(customer_id: UUID) -> Iterator[dict[str, Any]]:
    orders = Order.objects.filter(customer=customer_id).prefetch_related("lines").order_by("pk")
    for order in orders.iterator(chunk_size=BATCH):
        yield {
            "number": order.number,
            "kind": order.kind,
            "status": order.status,
            "subscription": order.subscription_id,
            "amount": order.amount,
            "currency": order.currency,
            "lines": [
                {
                    "description": line.description,
                    "quantity": line.quantity,
                    "unit_amount": line.unit_amount,
                    "amount": line.amount,
                }
                for line in order.lines.all()
            ],
            "contact_name": order.contact_name,
            "contact_phone": order.contact_phone,
            "contact_locale": order.contact_locale,
            "sms_consent": order.sms_consent,
            "marketing_consent": order.marketing_consent,
            "shipping_address": order.shipping_address,
            "period_start": order.period_start,
            "period_end": order.period_end,
            "placed_at": order.placed_at,
            "paid_at": order.paid_at,
            "fulfilled_at": order.fulfilled_at,
            "canceled_at": order.canceled_at,
        }


def _balance(customer_id: UUID) -> Iterator[dict[str, Any]]:
    entries = BalanceEntry.objects.filter(subscription__customer=customer_id).order_by("pk")
    for entry in entries.iterator(chunk_size=BATCH):
        yield {
            "subscription": entry.subscription_id,
            "amount": entry.amount,
            "currency": entry.currency,
            "reason": entry.reason,
            "at": entry.at,
        }


def _kept(customer_id: UUID, at: dt.datetime) -> Sequence[Kept]:
    if not Order.objects.filter(customer=customer_id).exists():
        return []
    return [
        Kept(
            system="Shop",
            what="orders with their lines, amounts and times, the language, the country and the start of the postal "
            "code",
            why=WHY_INVOICES,
            until=keep_invoices_until(customer_id=customer_id, at=at),
        )
    ]


PART = Part(
    open_money=_open_money,
    phones=_phones,
    steps=[ORDERS],
    sections={"orders": _orders, "balance": _balance},
    kept=_kept,
)
