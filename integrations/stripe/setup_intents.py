"""Saving a card while its owner is there to authenticate, so that it can be charged later while they are away."""

from __future__ import annotations

from dataclasses import dataclass, field

from integrations.stripe.client import QUICK, client, stripe_errors
from integrations.stripe.results import as_mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupIntent:
    """``client_secret`` is for the browser that saves its card by it, and is not stored or logged."""

    id: str
    client_secret: str = field(repr=False)


def create() -> SetupIntent:
    """Make an intent to save one card (docs.stripe.com/payments/save-and-reuse). It belongs to no customer yet; the
    card is attached to one before it is charged.

    Somebody waits for the answer, so the time-outs are short. No key of ours: a second intent does no harm.
    """
    with stripe_errors():
        made = client(timeouts=QUICK).v1.setup_intents.create(
            params={"usage": "off_session", "allowed_payment_method_types": ["card"]}
        )
        values = as_mapping(made)
        return SetupIntent(id=str(values["id"]), client_secret=str(values["client_secret"]))
