"""The start and end of each billing period of a subscription.

Every boundary is computed from the anchor, never from the boundary before it. So a subscription that began on
January 31 is billed on February 28 and again on March 31, as Stripe does
(docs.stripe.com/billing/subscriptions/billing-cycle).

The calculation uses local time in the subscription's time zone, so that the hour of day stays the same over daylight
saving time. If a local time does not exist, the boundary moves forward by the gap. If a local time exists twice, the
boundary is the first of the two.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta


class Unit(enum.StrEnum):
    """The unit of a billing interval. A trial is counted in days."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


# Over 400 years of the calendar.
AVERAGE_DAYS = {Unit.DAY: 1.0, Unit.WEEK: 7.0, Unit.MONTH: 30.436875, Unit.YEAR: 365.2425}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A billing interval, for example every 2 months."""

    unit: Unit
    count: int = 1

    def times(self, number: int) -> relativedelta:
        """The interval ``number`` times over, as one calendar step."""
        steps = self.count * number
        match self.unit:
            case Unit.DAY:
                return relativedelta(days=steps)
            case Unit.WEEK:
                return relativedelta(weeks=steps)
            case Unit.MONTH:
                return relativedelta(months=steps)
            case _:
                return relativedelta(years=steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Billing period ``number`` of a cycle, half-open: ``[start, end)``, in UTC. The first period has the number 0."""

    number: int
    start: dt.datetime
    end: dt.datetime

    @property
    def seconds(self) -> int:
        """The length of the period in whole seconds."""
        return int((self.end - self.start).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingCycle:
    """The periods that follow from an anchor, a time zone and an interval.

    ``anchor_at`` is an aware instant: the start of period 0. ``time_zone`` is an IANA name, such as ``Europe/Berlin``.
    """

    anchor_at: dt.datetime
    time_zone: str
    interval: Interval

    def boundary(self, number: int) -> dt.datetime:
        """The start of period ``number`` and the end of the period before it, in UTC."""
        if number == 0:
            return self.anchor_at.astimezone(dt.UTC)
        zone = ZoneInfo(self.time_zone)
        wall_clock = self.anchor_at.astimezone(zone).replace(tzinfo=None, fold=0) + self.interval.times(number)
        # With fold=0 zoneinfo reads a missing local time by the offset before the gap, which moves it forward by the
        # gap, and a repeated local time as the first of the two (PEP 495).
        return wall_clock.replace(tzinfo=zone).astimezone(dt.UTC)

    def period(self, number: int) -> Period:
        """Billing period ``number``."""
        return Period(number=number, start=self.boundary(number), end=self.boundary(number + 1))

    def period_at(self, at: dt.datetime) -> Period:
        """The period that contains the instant ``at``, which must not be before the anchor."""
        if at < self.anchor_at:
            raise ValueError("There is no billing period before the anchor.")
        number = self._estimate(at)
        while self.boundary(number) > at:
            number -= 1
        while self.boundary(number + 1) <= at:
            number += 1
        return self.period(number)

    def _estimate(self, at: dt.datetime) -> int:
        """A number close to the period's, so that the search takes a few steps at any distance from the anchor."""
        days = AVERAGE_DAYS[self.interval.unit] * self.interval.count
        return max(0, int((at - self.anchor_at).total_seconds() / (86_400 * days)))
