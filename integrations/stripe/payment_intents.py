"""Payments. An intent is created unconfirmed, which moves no money, and confirmed in a call of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from integrations.stripe.client import QUICK, client, stripe_errors
from integrations.stripe.results import PaymentIntent, as_mapping, payment_intent

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ForBrowser:
    """What a customer's browser needs to confirm an intent. Whoever has the secret can pay by it: it goes to that
    browser, and is not stored, logged or put into a message."""

    status: str
    client_secret: str = field(repr=False)


def create(
    *,
    amount: int,
    currency: str,
    customer_id: str,
    payment_method_id: str,
    metadata: dict[str, str],
    idempotency_key: str,
) -> PaymentIntent:
    """Make an intent, unconfirmed. ``amount`` in minor units, ``currency`` ISO 4217 in either case.

    Our own receipts go out by e-mail, so ``receipt_email`` stays unset: it would send Stripe's as well.
    """
    with stripe_errors():
        made = client().v1.payment_intents.create(
            params={
                "amount": amount,
                "currency": currency.lower(),
                "customer": customer_id,
                "payment_method": payment_method_id,
                # Cards only, none of which leads the customer to another site, so no return_url is needed.
                "allowed_payment_method_types": ["card"],
                "metadata": metadata,
            },
            options={"idempotency_key": idempotency_key},
        )
        return payment_intent(made)


def confirm(*, payment_intent_id: str, payment_method_id: str, idempotency_key: str) -> PaymentIntent:
    """Take the money, the customer being away. Raises ``CardDeclined``, ``AuthenticationRequired`` and
    ``IntentStateChanged`` where the intent does not wait for a confirmation."""
    with stripe_errors():
        confirmed = client().v1.payment_intents.confirm(
            payment_intent_id,
            params={"payment_method": payment_method_id, "off_session": True},
            options={"idempotency_key": idempotency_key},
        )
        return payment_intent(confirmed)


def retrieve(*, payment_intent_id: str) -> PaymentIntent:
    """Read an intent as it is now."""
    with stripe_errors():
        return payment_intent(client().v1.payment_intents.retrieve(payment_intent_id))


def for_browser(*, payment_intent_id: str) -> ForBrowser:
    """Read an intent as it is now, with its secret, for a customer who waits for it."""
    with stripe_errors():
        found = as_mapping(client(timeouts=QUICK).v1.payment_intents.retrieve(payment_intent_id))
        return ForBrowser(status=str(found["status"]), client_secret=str(found["client_secret"]))


def cancel(*, payment_intent_id: str) -> PaymentIntent:
    """Close an intent for good, so that nobody can pay by it. Raises ``IntentStateChanged`` where it is closed
    already.

    Without a key of ours: the state makes it happen once, and a stored 500 must not stand in the way.
    """
    with stripe_errors():
        return payment_intent(client().v1.payment_intents.cancel(payment_intent_id))


def of_customer(*, customer_id: str, since: dt.datetime) -> Iterator[PaymentIntent]:
    """A customer's intents made since then, newest first. Unlike Stripe's search, the list does not lag behind."""
    with stripe_errors():
        page = client().v1.payment_intents.list(
            params={"customer": customer_id, "created": {"gte": int(since.timestamp())}, "limit": PAGE}
        )
        yield from map(payment_intent, page.auto_paging_iter())
