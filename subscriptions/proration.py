"""How much of an amount belongs to the part of a billing period that is still unused.

Time is counted in whole seconds, as Stripe does (docs.stripe.com/billing/subscriptions/prorations). Each amount is
rounded once, half up, and the used and the unused part always add up to the amount. Amounts are in minor units.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


class OutsidePeriod(ValueError):
    """The instant is not within the period, so no part of the period is unused at that time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """The part of a period that is left, in whole seconds: ``left`` of ``total``."""

    left: int
    total: int

    @classmethod
    def at(cls, *, start: dt.datetime, end: dt.datetime, at: dt.datetime) -> Remainder:
        """The part of ``[start, end)`` that remains at ``at``. Raises ``OutsidePeriod``."""
        if not start <= at <= end:
            raise OutsidePeriod(f"{at.isoformat()} is not between {start.isoformat()} and {end.isoformat()}.")
        return cls(left=_seconds(end - at), total=_seconds(end - start))

    def unused(self, amount: int) -> int:
        """The part of ``amount`` that pays for the time that is left, rounded half up.

        Of a time shorter than a second, nothing is left.
        """
        if self.total == 0:
            return 0
        return (2 * amount * self.left + self.total) // (2 * self.total)

    def used(self, amount: int) -> int:
        """The part of ``amount`` that pays for the time that has passed; the rest is ``unused``."""
        return amount - self.unused(amount)


def _seconds(length: dt.timedelta) -> int:
    return int(length.total_seconds())
