"""The part of this app: the account and its subscriptions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from integrations.outbox.results import delete_results_about
from subscriptions.models import (
    CommandKey,
    Erasure,
    ErasureStep,
    Hold,
    PendingChange,
    Skip,
    Subscription,
    SubscriptionChange,
    TrialUse,
)
from subscriptions.operations.erasures.parts import Kept, Part, Step
from subscriptions.operations.erasures.progress import run_step
from subscriptions.operations.locks import lock_subscription, locked_customer_or_erased

ACCOUNT = Step(
    name="account",
    task="accounts.erase_account",
    system="Shop",
    erases="name, address, phone, consents, login, sessions, delivery addresses of subscriptions",
)
CHUNK = 500


def erase_account(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Erase the account's personal columns. Returns False if it was done before."""
    return run_step(erasure_id=erasure_id, name=ACCOUNT.name, work=_erase_account, at=at)


def _erase_account(erasure: Erasure, _: ErasureStep) -> str:
    _erase_customer(erasure.customer_id)
    with_address = Subscription.objects.filter(customer=erasure.customer_id, shipping_address__isnull=False)
    for subscription in with_address.order_by("pk"):
        _erase_subscription(subscription)
    CommandKey.objects.filter(subscription__customer=erasure.customer_id).delete()
    results = delete_results_about(id=erasure.customer_id)
    return f"account erased, {results} task results deleted"


@transaction.atomic(durable=True)
def _erase_customer(customer_id: UUID) -> None:
    customer = locked_customer_or_erased(customer_id=customer_id)
    customer.email, customer.name, customer.phone = customer.placeholder, "", ""
    customer.save(update_fields=["email", "name", "phone", "updated_at"])


@transaction.atomic(durable=True)
def _erase_subscription(subscription: Subscription) -> None:
    lock_subscription(subscription)
    subscription.shipping_address = None
    subscription.save(update_fields=["shipping_address", "updated_at"])


def _subscriptions(customer_id: UUID) -> Iterator[dict[str, Any]]:
    rows = Subscription.objects.filter(customer=customer_id).select_related("plan", "price").order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        yield {
            "id": row.pk,
            "status": row.status,
            "plan": row.plan.code,
            "plan_name": row.plan.name,
            "quantity": row.quantity,
            "unit_amount": row.price.amount,
            "currency": row.price.currency,
            "shipping_address": row.shipping_address,
            "time_zone": row.time_zone,
            "current_period_start": row.current_period_start,
            "current_period_end": row.current_period_end,
            "canceled_at": row.canceled_at,
            "cancel_reason": row.cancel_reason,
            "created_at": row.created_at,
        }


def _changes(customer_id: UUID) -> Iterator[dict[str, Any]]:
    rows = SubscriptionChange.objects.filter(subscription__customer=customer_id).order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        yield {
            "subscription": row.subscription_id,
            "at": row.at,
            "kind": row.kind,
            "from_status": row.from_status,
            "to_status": row.to_status,
            "reason": row.reason,
            "by": row.actor_kind,
        }


def _planned_changes(customer_id: UUID) -> Iterator[dict[str, Any]]:
    rows = PendingChange.objects.filter(subscription__customer=customer_id).select_related("price__plan").order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        yield {
            "subscription": row.subscription_id,
            "kind": row.kind,
            "plan": row.price.plan.code if row.price else None,
            "quantity": row.quantity,
            "reason": row.reason,
            "created_at": row.created_at,
            "outcome": row.outcome,
            "closed_at": row.closed_at,
        }


def _skips(customer_id: UUID) -> Iterator[dict[str, Any]]:
    rows = Skip.objects.filter(subscription__customer=customer_id).order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        yield {"subscription": row.subscription_id, "period": row.period_number, "created_at": row.created_at}


def _pauses(customer_id: UUID) -> Iterator[dict[str, Any]]:
    rows = Hold.objects.filter(subscription__customer=customer_id).order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        yield {
            "subscription": row.subscription_id,
            "reason": row.reason,
            "from": row.placed_at,
            "until": row.lifted_at,
        }


def _kept(customer_id: UUID, _: dt.datetime) -> Sequence[Kept]:
    kept = [
        Kept(
            system="Shop",
            what="the id and the language of the customer, and the course and the time zone of the subscriptions, "
            "without name and address",
            why="the orders refer to them",
        )
    ]
    if TrialUse.objects.filter(subscription__customer=customer_id).exists():
        kept.append(
            Kept(
                system="Shop",
                what="a keyed hash of the address or the card that had a trial; it cannot be read back",
                why="each person gets one trial: legitimate interest, GDPR art. 6(1)(f)",
            )
        )
    return kept


PART = Part(
    steps=[ACCOUNT],
    sections={
        "subscriptions": _subscriptions,
        "subscription_changes": _changes,
        "planned_changes": _planned_changes,
        "skips": _skips,
        "pauses": _pauses,
    },
    kept=_kept,
)
