"""Set the prices of plans."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass

from django.db import transaction

from subscriptions.actors import Actor
from subscriptions.models import Plan, Price
from subscriptions.operations.locks import locked_plan
from subscriptions.queries import current_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a price. ``amount`` is in minor units, for each unit and billing period.

    The caller has validated it.
    """

    amount: int
    currency: str
    interval: str = Price.Interval.MONTH
    interval_count: int = 1

    @classmethod
    def of(cls, price: Price) -> Terms:
        return cls(
            amount=price.amount,
            currency=price.currency,
            interval=price.interval,
            interval_count=price.interval_count,
        )


@transaction.atomic
def set_price(*, plan: Plan, terms: Terms, actor: Actor, at: dt.datetime) -> Price:
    """The plan's current price with these terms. If the terms differ from the current ones, a new version is made.

    New subscriptions get the new version. Running subscriptions keep theirs.
    """
    locked_plan(plan_id=plan.pk)
    current = current_price(plan=plan)
    if current is not None and Terms.of(current) == terms:
        return current
    return Price.objects.create(
        plan=plan,
        version=1 if current is None else current.version + 1,
        **asdict(terms),
        created_at=at,
        created_by_kind=actor.kind,
        created_by=actor.name,
    )
