"""The facts that a message states besides its order. Each kind uses some of them."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from django.utils.functional import Promise

from charges.declines import NOT_APPROVED
from subscriptions.queries import NextCharge


class Outcome(enum.StrEnum):
    """The result for a subscription whose order stayed unpaid."""

    CANCELED = "canceled"
    PAUSED = "paused"
    PAST_DUE = "past_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPage:
    """The page where the order can be paid. ``last_day``: the link works until midnight UTC at the end of this day."""

    url: str
    last_day: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """A refund. ``amount`` is in minor units. ``whole``: it returns the full payment.

    ``after_cancellation``: the payment arrived after the order had been canceled.
    """

    amount: int
    currency: str
    whole: bool
    after_cancellation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The facts of a receipt besides the order's lines.

    ``brand`` and ``last4`` are empty if the card is not known. ``next_charge`` is None if no charge follows.
    ``is_trial``: nothing was charged, because the order begins a trial, which ends with the next charge.
    """

    paid_at: dt.datetime
    brand: str = ""
    last4: str = ""
    next_charge: NextCharge | None = None
    is_trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContext:
    """``because``: why the payment failed, translatable.

    ``next_attempt_at``: when the shop charges the same card again. ``to_confirm``: the bank waits for the customer's
    confirmation, so the customer does not need another card. ``cancel_url``: the page on which the customer cancels the
    subscription; empty if it has ended.
    """

    because: Promise = NOT_APPROVED
    page: PaymentPage | None = None
    next_attempt_at: dt.datetime | None = None
    to_confirm: bool = False
    outcome: Outcome | None = None
    refunded: Refunded | None = None
    receipt: Receipt | None = None
    cancel_url: str = ""


EMPTY_CONTEXT = MessageContext()
