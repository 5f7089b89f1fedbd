"""Disputes, read only: evidence is given in Stripe's dashboard, by people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.results import Dispute, dispute

PAGE = 100


def retrieve(*, dispute_id: str) -> Dispute:
    """Read a dispute as it is now."""
    with stripe_errors():
        return dispute(client().v1.disputes.retrieve(dispute_id))


def opened_since(*, since: dt.datetime) -> Iterator[Dispute]:
    """Every dispute that was opened since then, newest first, however it stands by now."""
    with stripe_errors():
        page = client().v1.disputes.list(params={"created": {"gte": int(since.timestamp())}, "limit": PAGE})
        yield from map(dispute, page.auto_paging_iter())
