"""Read disputes. People submit evidence in Stripe's dashboard."""

from __future__ import annotations

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.results import Dispute, dispute


def retrieve(*, dispute_id: str) -> Dispute:
    """Read the current state of a dispute."""
    with stripe_errors():
        return dispute(client().v1.disputes.retrieve(dispute_id))
