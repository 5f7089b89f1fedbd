"""Compare in the other direction: find our rows whose object Stripe did not list. One query per batch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet

from charges.models import Charge, Dispute, ReconciliationKind, ReconciliationRun, Refund, SeenAtStripe
from charges.operations.reconciliation.differences import Difference, Problem
from subscriptions.money import formatted


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One of our rows: a charge, a refund or a dispute, with the values that Stripe should have, too."""

    id: UUID
    stripe_id: str
    made_at: dt.datetime
    charge_id: UUID
    amount: int
    currency: str
    status: str


def unseen(run: ReconciliationRun, *, kind: str, after: str, limit: int) -> list[Row]:
    """The next of our rows in the run's window that Stripe did not list. ``after`` is the id of the last row."""
    rows = _rows(kind).filter(made_at__gte=run.since, made_at__lt=run.until).exclude(there=None)
    seen = SeenAtStripe.objects.filter(run_id=run.pk, kind=kind, stripe_id=OuterRef("there"))
    if after:
        rows = rows.filter(pk__gt=after)
    return [_row(values) for values in rows.filter(~Exists(seen)).order_by("pk")[:limit]]


def own_row(*, kind: str, stripe_id: str) -> Row | None:
    """Our row of this object, or None."""
    values = _rows(kind).filter(there=stripe_id).first()
    return _row(values) if values else None


def missing_at_stripe(kind: str, row: Row) -> Difference:
    here = f"{row.status} {formatted(amount=row.amount, currency=row.currency)}"
    return Difference(
        kind=kind,
        problem=Problem.MISSING_THERE,
        stripe_id=row.stripe_id,
        made_at=row.made_at,
        charge_id=row.charge_id,
        details=f"Stripe: nothing; here: {here}",
    )


def _rows(kind: str) -> QuerySet[Any, dict[str, Any]]:
    return _QUERIES[kind]().values("pk", "there", "made_at", "charge_pk", "amount", "money", "status")


def _row(values: Mapping[str, Any]) -> Row:
    return Row(
        id=values["pk"],
        stripe_id=values["there"],
        made_at=values["made_at"],
        charge_id=values["charge_pk"],
        amount=values["amount"],
        currency=values["money"],
        status=values["status"],
    )


# Each table's columns, under the same names.
_QUERIES: Mapping[str, Callable[[], QuerySet[Any]]] = {
    # Charges of 0 have setup intents, which take no money.
    ReconciliationKind.INTENT: lambda: Charge.objects.filter(amount__gt=0).annotate(
        there=F("payment_intent_id"), made_at=F("created_at"), charge_pk=F("pk"), money=F("currency")
    ),
    ReconciliationKind.REFUND: lambda: Refund.objects.annotate(
        there=F("stripe_id"), made_at=F("requested_at"), charge_pk=F("charge_id"), money=F("charge__currency")
    ),
    ReconciliationKind.DISPUTE: lambda: Dispute.objects.annotate(
        there=F("stripe_id"), made_at=F("opened_at"), charge_pk=F("charge_id"), money=F("currency")
    ),
}
