"""Payment intents. ``create`` moves no money; ``confirm`` is a separate call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from integrations.stripe.client import WEB_TIMEOUTS, client, stripe_errors
from integrations.stripe.results import PaymentIntent, as_mapping, payment_intent

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ForBrowser:
    """The data with which a customer's browser confirms an intent.

    Anyone with the secret can pay the intent. Give it to that browser only; never store, log or send it.
    """

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
    """Create an unconfirmed intent. ``amount`` in minor units, ``currency`` ISO 4217 in either case.

    ``receipt_email`` stays unset, because this project sends its own receipts.
    """
    with stripe_errors():
        created = client().v1.payment_intents.create(
            params={
                "amount": amount,
                "currency": currency.lower(),
                "customer": customer_id,
                "payment_method": payment_method_id,
                # Only cards. They never redirect the customer to another site, so no return_url is needed.
                "allowed_payment_method_types": ["card"],
                "metadata": metadata,
            },
            options={"idempotency_key": idempotency_key},
        )
        return payment_intent(created)


def confirm(*, payment_intent_id: str, payment_method_id: str, idempotency_key: str) -> PaymentIntent:
    """Charge the card without the customer. Raises ``CardDeclined``, ``AuthenticationRequired``, and
    ``IntentStateChanged`` if the intent is not waiting for a confirmation."""
    with stripe_errors():
        confirmed = client().v1.payment_intents.confirm(
            payment_intent_id,
            params={"payment_method": payment_method_id, "off_session": True},
            options={"idempotency_key": idempotency_key},
        )
        return payment_intent(confirmed)


def retrieve(*, payment_intent_id: str) -> PaymentIntent:
    """Read the current state of an intent."""
    with stripe_errors():
        return payment_intent(client().v1.payment_intents.retrieve(payment_intent_id))


def for_browser(*, payment_intent_id: str) -> ForBrowser:
    """Read the current state and the secret of an intent, for a waiting customer."""
    with stripe_errors():
        found = as_mapping(client(timeouts=WEB_TIMEOUTS).v1.payment_intents.retrieve(payment_intent_id))
        return ForBrowser(status=str(found["status"]), client_secret=str(found["client_secret"]))


def cancel(*, payment_intent_id: str) -> PaymentIntent:
    """Cancel an intent, so that it can no longer be paid. Raises ``IntentStateChanged`` if it is already closed.

    It needs no idempotency key: a second call fails on the intent's state, and a stored 500 would block a retry.
    """
    with stripe_errors():
        return payment_intent(client().v1.payment_intents.cancel(payment_intent_id))


def of_customer(*, customer_id: str, since: dt.datetime) -> Iterator[PaymentIntent]:
    """A customer's intents created since then, newest first. The list is up to date, unlike Stripe's search."""
    with stripe_errors():
        page = client().v1.payment_intents.list(
            params={"customer": customer_id, "created": {"gte": int(since.timestamp())}, "limit": PAGE}
        )
        yield from map(payment_intent, page.auto_paging_iter())
