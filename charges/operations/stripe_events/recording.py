"""Store Stripe's events. Of an event about an erased customer, only the type and the ids are stored.

Stripe lists an event for 30 days, and repeats a webhook for three. So events about a customer may arrive long after the
customer's data was erased here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q

from charges.events import StripeWebhookReceived
from charges.models import Charge, SavedPaymentMethod, StripeCustomer
from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.stripe.webhooks import StripeEvent

# The modules beside this one say which fields of an event the shop reads.
KEPT_IDS = ("id", "object", "payment_intent", "charge", "customer")


def record(*, events: Sequence[StripeEvent]) -> int:
    """Store the new events, and have a worker process each; return the number of new events."""
    erased = _about_erased(events)
    received = [
        recording.Received(
            event_id=event.id,
            type=event.type,
            payload=without_personal_data(event.payload) if event.id in erased else event.payload,
        )
        for event in events
    ]
    return recording.record(
        provider=WebhookEvent.Provider.STRIPE,
        received=received,
        event=lambda id: StripeWebhookReceived(webhook_event_id=id),
    )


def without_personal_data(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The event with the type and the ids only. The shop can still process it."""
    named = _object(payload)
    kept: dict[str, Any] = {name: _id(named[name]) for name in KEPT_IDS if _id(named.get(name))}
    metadata = named.get("metadata")
    if isinstance(metadata, Mapping) and isinstance(metadata.get("charge"), str):
        kept["metadata"] = {"charge": metadata["charge"]}
    own = {name: payload[name] for name in ("id", "object", "type") if name in payload}
    return {**own, "data": {"object": kept}}


def erase_stored(*, customer_id: UUID) -> int:
    """Shorten the stored events about this customer; return their number. Doing so again changes nothing."""
    customers = list(_filled(StripeCustomer.objects.filter(customer=customer_id), "stripe_id"))
    intents = list(_filled(Charge.objects.filter(order__customer=customer_id), "payment_intent_id"))
    methods = list(_filled(SavedPaymentMethod.objects.filter(customer=customer_id), "stripe_id"))
    about = (
        Q(payload__data__object__customer__in=customers)
        | Q(payload__data__object__payment_intent__in=intents)
        | Q(payload__data__object__id__in=[*customers, *intents, *methods])
    )
    # It reads the events of five weeks once. No index serves it, because erasures are rare.
    found = list(WebhookEvent.objects.filter(about, provider=WebhookEvent.Provider.STRIPE))
    for event in found:
        WebhookEvent.objects.filter(pk=event.pk).update(payload=without_personal_data(event.payload))
    return len(found)


def _about_erased(events: Sequence[StripeEvent]) -> set[str]:
    """The ids of the events that name something of an erased customer. Three queries for all of them."""
    names = {event.id: _names(event.payload) for event in events}
    every = {name for found in names.values() for name in found}
    erased = {
        *_filled(StripeCustomer.objects.filter(stripe_id__in=every, customer__erased_at__isnull=False), "stripe_id"),
        *_filled(
            Charge.objects.filter(payment_intent_id__in=every, order__customer__erased_at__isnull=False),
            "payment_intent_id",
        ),
        *_filled(
            SavedPaymentMethod.objects.filter(stripe_id__in=every, customer__erased_at__isnull=False), "stripe_id"
        ),
    }
    return {event_id for event_id, found in names.items() if found & erased}


def _names(payload: Mapping[str, Any]) -> set[str]:
    named = _object(payload)
    return {_id(named.get(name)) for name in KEPT_IDS} - {""}


def _object(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    data = payload.get("data")
    found = data.get("object") if isinstance(data, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _id(value: Any) -> str:
    """An id, or the id of an object that Stripe has expanded; empty if it is neither."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) else ""


def _filled(rows: Any, name: str) -> Iterable[str]:
    return rows.exclude(**{name: None}).values_list(name, flat=True)
