"""The plans that the shop sells."""

from __future__ import annotations

import datetime as dt

from dateutil.relativedelta import relativedelta
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.lookups import Exact, GreaterThanOrEqual

from subscriptions.money import (
    AMOUNT_STEPS,
    CURRENCY_CODE,
    DEFAULT_MIN_AMOUNT,
    MAX_AMOUNT,
    MIN_AMOUNTS,
    why_not_chargeable,
)


def _is_chargeable() -> Q:
    """``why_not_chargeable`` as a condition of the database."""
    minimums = [When(currency=currency, then=Value(minimum)) for currency, minimum in MIN_AMOUNTS.items()]
    steps = [When(currency=currency, then=Value(step)) for currency, step in AMOUNT_STEPS.items()]
    return (
        Q(GreaterThanOrEqual(F("amount"), Case(*minimums, default=Value(DEFAULT_MIN_AMOUNT))))
        & Q(amount__lte=MAX_AMOUNT)
        & Q(Exact(F("amount") % Case(*steps, default=Value(1)), 0))
    )


class Plan(models.Model):
    """A product with a price for each billing period."""

    class Interval(models.TextChoices):
        WEEK = "week"
        MONTH = "month"
        YEAR = "year"

    class UnpaidPolicy(models.TextChoices):
        CANCEL = "cancel", "Cancel the subscription and its unpaid order"
        PAUSE = "pause", "Pause the subscription and cancel its unpaid order"
        PAST_DUE = "past_due", "Leave it past due; the customer can still pay"

    class DisputePolicy(models.TextChoices):
        CANCEL = "cancel", "Cancel the subscription"
        PAUSE = "pause", "Pause it until the dispute is won"
        KEEP = "keep", "Leave it as it is"

    code = models.SlugField(unique=True, help_text="The name in the checkout API, such as coffee-monthly.")
    name = models.CharField(max_length=100)
    amount = models.PositiveIntegerField(help_text="Per unit and period, in minor units: 1290 is 12.90 in euros.")
    currency = models.CharField(max_length=3, help_text="ISO 4217, upper case.")
    interval = models.CharField(max_length=5, choices=Interval, default=Interval.MONTH)
    interval_count = models.PositiveSmallIntegerField(default=1)
    is_digital = models.BooleanField(default=False, help_text="Nothing is shipped: a paid order is fulfilled at once.")
    needs_address = models.BooleanField(default=False, help_text="The checkout requires a shipping address.")
    is_active = models.BooleanField(default=True, help_text="Customers can buy it.")
    unpaid_policy = models.CharField(
        max_length=10,
        choices=UnpaidPolicy,
        default=UnpaidPolicy.CANCEL,
        help_text="What happens to a subscription if its order is still unpaid at the end of dunning.",
    )
    dispute_policy = models.CharField(
        max_length=10,
        choices=DisputePolicy,
        default=DisputePolicy.PAUSE,
        help_text="What happens to a subscription when one of its payments is disputed.",
    )

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=_is_chargeable(), name="plan_amount_is_chargeable"),
            models.CheckConstraint(condition=Q(interval_count__gt=0), name="plan_interval_count_is_positive"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY_CODE), name="plan_currency_is_iso"),
        ]

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse a price that Stripe would refuse."""
        # If the amount is not a number, it is None here, and the field has its own error.
        if self.amount is not None and (reason := why_not_chargeable(amount=self.amount, currency=self.currency)):
            raise ValidationError({"amount": reason})

    def period_end(self, start: dt.datetime, *, periods: int = 1) -> dt.datetime:
        """The exclusive end of the period that starts at ``start``. A month from January 31 ends in February."""
        steps = self.interval_count * periods
        match self.interval:
            case Plan.Interval.WEEK:
                return start + relativedelta(weeks=steps)
            case Plan.Interval.MONTH:
                return start + relativedelta(months=steps)
            case _:
                return start + relativedelta(years=steps)
