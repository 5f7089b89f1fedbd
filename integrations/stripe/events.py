"""List Stripe's events, to find events that no webhook delivered (docs.stripe.com/api/events/list)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator

from integrations.errors import ProviderUnclear
from integrations.stripe.client import client, stripe_errors
from integrations.stripe.webhooks import BadPayload, StripeEvent, event_in

PAGE = 100
MAX_TYPES = 20
RETENTION = dt.timedelta(days=30)


def since(*, created_from: dt.datetime, created_until: dt.datetime, types: Collection[str]) -> Iterator[StripeEvent]:
    """The events of these types (at most 20) created in ``[created_from, created_until)``, newest first.

    The iterator loads pages of ``PAGE`` events when it needs them. Stripe lists an event for ``RETENTION``, in the API
    version of its creation.
    """
    if len(types) > MAX_TYPES:
        raise ValueError(f"Stripe lists at most {MAX_TYPES} types of events at a time, not {len(types)}.")
    with stripe_errors():
        page = client().v1.events.list(
            params={
                "types": sorted(types),
                "created": {"gte": int(created_from.timestamp()), "lt": int(created_until.timestamp())},
                "limit": PAGE,
            }
        )
        for event in page.auto_paging_iter():
            yield _read(event.to_dict(for_json=True))


def _read(values: object) -> StripeEvent:
    try:
        return event_in(values)
    except BadPayload as error:
        raise ProviderUnclear(f"Stripe's list of events could not be read: {error}") from None
