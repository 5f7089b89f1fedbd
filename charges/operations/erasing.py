"""The part of this app in a customer's copy and erasure: payments and cards, here and at Stripe.

Payments, refunds and disputes stay, with Stripe's ids, because the law requires them. At Stripe, the deletion of the
customer removes the cards for good; the payments stay there as well (docs.stripe.com/api/customers/delete).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from charges.models import Charge, Dispute, DunningRun, Refund, SavedPaymentMethod, StripeCustomer
from charges.operations.payments.payment_methods import stripe_customer_lock
from charges.operations.stripe_events.recording import erase_stored
from integrations.locks import session_lock
from integrations.stripe import customers
from orders.operations.erasing import WHY_INVOICES, keep_invoices_until
from subscriptions.models import Erasure, ErasureStep
from subscriptions.operations.erasures.parts import Kept, Part, Step
from subscriptions.operations.erasures.progress import run_step

CARDS = Step(
    name="cards",
    task="charges.erase_cards",
    system="Shop",
    erases="brand, last digits, expiry and fingerprint of cards, notes on refunds, contents of Stripe's events",
)
STRIPE = Step(
    name="stripe",
    task="charges.delete_stripe_customer",
    system="Stripe",
    erases="the customer with name and address, and the saved cards",
)
# Stripe's redaction of payments begins after 90 days (docs.stripe.com/privacy/deletion-requests).
REDACTION_AFTER = dt.timedelta(days=91)
CHUNK = 500


def erase_cards(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Erase what the shop stores of cards and events. Returns False if it was done before."""

    def work(erasure: Erasure, _: ErasureStep) -> str:
        saved = SavedPaymentMethod.objects.filter(customer=erasure.customer_id)
        cards = saved.update(
            is_default=False, brand="", last4="", fingerprint="", exp_month=None, exp_year=None, failure_code=""
        )
        saved.filter(removed_at=None).update(removed_at=at)
        Refund.objects.filter(charge__order__customer=erasure.customer_id).exclude(note="").update(note="")
        events = erase_stored(customer_id=erasure.customer_id)
        return f"{cards} cards and {events} events erased"

    return run_step(erasure_id=erasure_id, name=CARDS.name, work=work, at=at)


def delete_stripe_customer(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Delete the customer at Stripe. Returns False if it was done before. Raises ``Busy`` and the errors of Stripe."""
    return run_step(erasure_id=erasure_id, name=STRIPE.name, work=_delete_at_stripe, at=at)


def _delete_at_stripe(erasure: Erasure, _: ErasureStep) -> str:
    with session_lock(stripe_customer_lock(erasure.customer_id)):
        known = StripeCustomer.objects.filter(customer=erasure.customer_id, stripe_id__isnull=False)
        ids = set(known.values_list("stripe_id", flat=True))
        if StripeCustomer.objects.filter(customer=erasure.customer_id).exists():
            # A creation without a response may have left another one.
            ids |= set(customers.ids_of(email=erasure.email, key="customer", value=str(erasure.customer_id)))
        deleted = sum(customers.delete(customer_id=str(id)) for id in sorted(map(str, ids)))
    return f"{deleted} of {len(ids)} customers deleted, the others were deleted before"


def _open_money(customer_id: UUID) -> Sequence[str]:
    over = (Charge.Status.SUCCEEDED, Charge.Status.CANCELED)
    open_charges = Q(order__customer=customer_id) & ~Q(status__in=over)
    charges = Charge.objects.filter(open_charges).order_by("pk").values_list("order__number", flat=True)
    refunds = Refund.objects.filter(charge__order__customer=customer_id, status=Refund.Status.PENDING)
    disputes = Dispute.objects.filter(charge__order__customer=customer_id, closed_at=None)
    runs = DunningRun.objects.filter(order__customer=customer_id, status=DunningRun.Status.ACTIVE)
    return [
        *(f"The payment of order {number} is not completed or canceled." for number in charges),
        *(f"The reminders and attempts for order {number} have not ended." for number in _numbers(runs, "order")),
        *(f"A refund for order {number} is on its way." for number in _numbers(refunds, "charge__order")),
        *(f"The dispute about order {number} is not decided." for number in _numbers(disputes, "charge__order")),
    ]


def _numbers(rows: Any, order: str) -> list[str]:
    return list(rows.order_by("pk").values_list(f"{order}__number", flat=True))


def _payments(customer_id: UUID) -> Iterator[dict[str, Any]]:
    charges = Charge.objects.filter(order__customer=customer_id).select_related("order").prefetch_related("attempts")
    for charge in charges.order_by("pk").iterator(chunk_size=CHUNK):
        yield {
            "order": charge.order.number,
            "amount": charge.amount,
            "currency": charge.currency,
            "status": charge.status,
            "amount_refunded": charge.amount_refunded,
            "created_at": charge.created_at,
            "succeeded_at": charge.succeeded_at,
            "attempts": [
                {"number": attempt.number, "status": attempt.status, "started_at": attempt.started_at}
                for attempt in charge.attempts.all()
            ],
        }


def _refunds(customer_id: UUID) -> Iterator[dict[str, Any]]:
    refunds = Refund.objects.filter(charge__order__customer=customer_id).select_related("charge__order")
    for refund in refunds.order_by("pk").iterator(chunk_size=CHUNK):
        yield {
            "order": refund.charge.order.number,
            "amount": refund.amount,
            "currency": refund.charge.currency,
            "status": refund.status,
            "requested_at": refund.requested_at,
            "succeeded_at": refund.succeeded_at,
        }


def _disputes(customer_id: UUID) -> Iterator[dict[str, Any]]:
    disputes = Dispute.objects.filter(charge__order__customer=customer_id).select_related("charge__order")
    for dispute in disputes.order_by("pk").iterator(chunk_size=CHUNK):
        yield {
            "order": dispute.charge.order.number,
            "amount": dispute.amount,
            "currency": dispute.currency,
            "status": dispute.status,
            "reason": dispute.reason,
            "opened_at": dispute.opened_at,
            "closed_at": dispute.closed_at,
        }


def _cards(customer_id: UUID) -> Iterator[dict[str, Any]]:
    for card in SavedPaymentMethod.objects.filter(customer=customer_id).order_by("pk").iterator(chunk_size=CHUNK):
        yield {
            "brand": card.brand,
            "last4": card.last4,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "is_default": card.is_default,
            "saved_at": card.created_at,
            "removed_at": card.removed_at,
        }


def _kept(customer_id: UUID, at: dt.datetime) -> Sequence[Kept]:
    if not Charge.objects.filter(order__customer=customer_id).exists():
        return []
    until = keep_invoices_until(customer_id=customer_id, at=at)
    return [
        Kept(
            system="Shop",
            what="payments, attempts, refunds and disputes with amounts, times and Stripe's ids",
            why=WHY_INVOICES,
            until=until,
        ),
        Kept(
            system="Stripe",
            what="payments, refunds and disputes with Stripe's record of the card, and Stripe's events and logs",
            why=f"{WHY_INVOICES}; staff can request their redaction in Stripe's dashboard from "
            f"{at.date() + REDACTION_AFTER:%Y-%m-%d} on",
            until=until,
        ),
    ]


PART = Part(
    open_money=_open_money,
    steps=[CARDS, STRIPE],
    sections={"payments": _payments, "refunds": _refunds, "disputes": _disputes, "cards": _cards},
    kept=_kept,
)
