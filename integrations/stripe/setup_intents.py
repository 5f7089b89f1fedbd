"""Save a card without a payment, so that it can be charged later without the customer.

``create`` makes an intent for any browser. The other functions are those of ``payment_intents`` for a setup intent with
a customer: it is created unconfirmed, and ``confirm`` is a separate call. No function moves money.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from integrations.stripe.client import WEB_TIMEOUTS, client, stripe_errors
from integrations.stripe.payment_intents import PAGE, ForBrowser
from integrations.stripe.results import PaymentIntent, as_mapping, setup_intent


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupIntent:
    """Give ``client_secret`` only to the browser that saves the card; never store or log it."""

    id: str
    client_secret: str = field(repr=False)


def create() -> SetupIntent:
    """Create an intent to save one card (docs.stripe.com/payments/save-and-reuse). It has no customer; the card is
    attached to a customer before it is charged.

    A customer waits for the response, so the time-outs are short. It needs no idempotency key: a second intent is
    harmless.
    """
    with stripe_errors():
        created = client(timeouts=WEB_TIMEOUTS).v1.setup_intents.create(
            params={"usage": "off_session", "allowed_payment_method_types": ["card"]}
        )
        values = as_mapping(created)
        return SetupIntent(id=str(values["id"]), client_secret=str(values["client_secret"]))


def create_for_customer(
    *, customer_id: str, payment_method_id: str, metadata: dict[str, str], idempotency_key: str
) -> PaymentIntent:
    """Create an unconfirmed intent to save this card of the customer."""
    with stripe_errors():
        created = client().v1.setup_intents.create(
            params={
                "customer": customer_id,
                "payment_method": payment_method_id,
                "usage": "off_session",
                "allowed_payment_method_types": ["card"],
                "metadata": metadata,
            },
            options={"idempotency_key": idempotency_key},
        )
        return setup_intent(created)


def confirm(*, payment_intent_id: str, payment_method_id: str, idempotency_key: str) -> PaymentIntent:
    """Save the card. If the bank requires the customer to authenticate, the intent waits in ``requires_action``.

    Raises ``CardDeclined``, and ``IntentStateChanged`` if the intent is not waiting for a confirmation.
    """
    with stripe_errors():
        confirmed = client().v1.setup_intents.confirm(
            payment_intent_id,
            params={"payment_method": payment_method_id, "expand": ["payment_method"]},
            options={"idempotency_key": idempotency_key},
        )
        return setup_intent(confirmed)


def retrieve(*, payment_intent_id: str) -> PaymentIntent:
    """Read the current state of an intent."""
    with stripe_errors():
        return setup_intent(
            client().v1.setup_intents.retrieve(payment_intent_id, params={"expand": ["payment_method"]})
        )


def for_browser(*, payment_intent_id: str) -> ForBrowser:
    """Read the current state and the secret of an intent, for a waiting customer."""
    with stripe_errors():
        found = as_mapping(client(timeouts=WEB_TIMEOUTS).v1.setup_intents.retrieve(payment_intent_id))
        return ForBrowser(status=str(found["status"]), client_secret=str(found["client_secret"]))


def cancel(*, payment_intent_id: str) -> PaymentIntent:
    """Cancel an intent, so that it can no longer save a card. Raises ``IntentStateChanged`` if it is closed already."""
    with stripe_errors():
        return setup_intent(client().v1.setup_intents.cancel(payment_intent_id))


def of_customer(*, customer_id: str, since: dt.datetime) -> Iterator[PaymentIntent]:
    """A customer's intents created since then, newest first."""
    with stripe_errors():
        page = client().v1.setup_intents.list(
            params={"customer": customer_id, "created": {"gte": int(since.timestamp())}, "limit": PAGE}
        )
        yield from map(setup_intent, page.auto_paging_iter())
