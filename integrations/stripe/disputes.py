"""Disputes, read only: evidence is given in Stripe's dashboard, by people."""

from __future__ import annotations

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.results import Dispute, dispute


def retrieve(*, dispute_id: str) -> Dispute:
    """Read a dispute as it is now."""
    with stripe_errors():
        return dispute(client().v1.disputes.retrieve(dispute_id))
