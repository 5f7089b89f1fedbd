"""What a message tells besides its order. Which of it is needed depends on the kind."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from charges.declines.codes import NOT_APPROVED, Sentence


class Outcome(enum.StrEnum):
    """What became of a subscription whose order stayed unpaid."""

    CANCELED = "canceled"
    PAUSED = "paused"
    PAST_DUE = "past_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPage:
    """Where the order can be paid. ``last_day``: the last day on which the address is good until midnight UTC."""

    url: str
    last_day: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """What was refunded. ``amount``: in minor units. ``after_cancellation``: it was paid for an order that was
    canceled."""

    amount: int
    currency: str
    whole: bool
    after_cancellation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContext:
    """``first``: the order is the one that its subscription began with. ``because``: why its payment failed.

    ``next_try_at``: when we try the card again by ourselves. ``to_confirm``: the bank waits for the customer's
    confirmation, no other card is needed.
    """

    first: bool = True
    because: Sentence = NOT_APPROVED
    page: PaymentPage | None = None
    next_try_at: dt.datetime | None = None
    to_confirm: bool = False
    outcome: Outcome | None = None
    refunded: Refunded | None = None


EMPTY_CONTEXT = MessageContext()
