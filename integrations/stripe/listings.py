"""Read Stripe's lists page by page, to compare its objects with this project's rows.

Lists are sorted newest first and are up to date, unlike Stripe's search (docs.stripe.com/api/pagination).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.stripe.client import client, stripe_errors
from integrations.stripe.errors import InvalidRequest
from integrations.stripe.results import Decline, as_mapping, decline

PAGE = 100  # Stripe's maximum

# The kinds of objects, with the names of Stripe's lists.
RESOURCES = {"intent": "payment_intents", "refund": "refunds", "dispute": "disputes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The compared fields of an intent, refund or dispute. ``amount`` in minor units, ``currency`` upper case.

    ``payment_intent_id`` is the intent's own id, or the id of the intent that a refund or dispute belongs to.
    """

    kind: str
    id: str
    made_at: dt.datetime
    status: str
    amount: int
    currency: str
    payment_intent_id: str
    stripe_charge_id: str
    decline: Decline | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    rows: list[Listed]
    has_more: bool


def page(*, kind: str, made_from: dt.datetime, made_until: dt.datetime, after: str = "") -> Page:
    """One page of the objects created in ``[made_from, made_until)``, newest first.

    ``kind`` is a key of ``RESOURCES``; ``after`` is the last id of the previous page.
    """
    params: dict[str, Any] = {
        "created": {"gte": math.floor(made_from.timestamp()), "lt": math.ceil(made_until.timestamp())},
        "limit": PAGE,
    }
    if after:
        params["starting_after"] = after
    with stripe_errors():
        response = _service(kind).list(params=params)
        return Page(rows=[_listed(kind, item) for item in response.data], has_more=bool(response.has_more))


def find(*, kind: str, id: str) -> Listed | None:
    """The object's current state; None if Stripe has no object with this id."""
    try:
        with stripe_errors():
            return _listed(kind, _service(kind).retrieve(id))
    except InvalidRequest as error:
        if error.code == "resource_missing":
            return None
        raise


def _service(kind: str) -> Any:
    return getattr(client().v1, RESOURCES[kind])


def _listed(kind: str, source: Any) -> Listed:
    values = as_mapping(source)
    intent = kind == "intent"
    last_error = values.get("last_payment_error")
    return Listed(
        kind=kind,
        id=str(values["id"]),
        made_at=dt.datetime.fromtimestamp(int(values["created"]), tz=dt.UTC),
        status=str(values["status"] or ""),
        amount=int(values["amount"]),
        currency=str(values["currency"]).upper(),
        payment_intent_id=str((values["id"] if intent else values.get("payment_intent")) or ""),
        stripe_charge_id=str(values.get("latest_charge" if intent else "charge") or ""),
        decline=decline(last_error) if last_error else None,
        metadata={str(key): str(value) for key, value in as_mapping(values.get("metadata") or {}).items()},
    )
