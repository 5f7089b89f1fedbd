"""Save a card while the customer can authenticate, so that it can be charged later without the customer."""

from __future__ import annotations

from dataclasses import dataclass, field

from integrations.stripe.client import WEB_TIMEOUTS, client, stripe_errors
from integrations.stripe.results import as_mapping


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
