"""A difference between Stripe and our rows, and how it can be resolved."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from uuid import UUID

from charges.models import ReconciliationFinding
from integrations.stripe.listings import Listed
from subscriptions.money import formatted

Problem = ReconciliationFinding.Problem


class Remedy(enum.Enum):
    """How a difference can be resolved without a person. No remedy moves money."""

    NONE = enum.auto()
    READ = enum.auto()  # read the intent at Stripe and settle it
    CANCEL = enum.auto()  # cancel an intent that no charge uses
    PROCESS = enum.auto()  # process the refund or dispute as if its event had come now


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    kind: str
    problem: str
    stripe_id: str
    made_at: dt.datetime
    details: str
    charge_id: UUID | None = None
    payment_intent_id: str = ""
    stripe_charge_id: str = ""
    remedy: Remedy = Remedy.NONE


def state_of(row: Listed) -> str:
    """The state of an object at Stripe, for the details of a finding."""
    return described(row.amount, row.currency, row.status)


def described(amount: int, currency: str, status: str) -> str:
    """A status and an amount, for the details of a finding."""
    return f"{status} {formatted(amount=amount, currency=currency)}"
