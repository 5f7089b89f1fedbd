"""The prices of plans."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.db.models.lookups import Exact, GreaterThanOrEqual
from uuid6 import uuid7

from subscriptions import billing_periods
from subscriptions.actors import MAX_NAME, ActorKind
from subscriptions.billing_periods import Unit
from subscriptions.models.plans import Plan
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


class Price(models.Model):
    """One version of a plan's price. A row is never changed: a trigger of the database refuses it.

    The highest version is the plan's current price, which new subscriptions get. A running subscription keeps its own.
    """

    class Interval(models.TextChoices):
        WEEK = "week"
        MONTH = "month"
        YEAR = "year"

    # The longest billing period is three years, as at Stripe (docs.stripe.com/api/prices/create).
    MAX_INTERVAL_COUNTS = {Interval.WEEK: 156, Interval.MONTH: 36, Interval.YEAR: 3}

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="prices", editable=False)
    version = models.PositiveIntegerField(editable=False)
    amount = models.PositiveIntegerField(help_text="Per unit and period, in minor units: 1290 is 12.90 in euros.")
    currency = models.CharField(
        max_length=3,
        validators=[RegexValidator(CURRENCY_CODE, "Write three capital letters, such as EUR.")],
        help_text="ISO 4217, upper case.",
    )
    interval = models.CharField(max_length=5, choices=Interval, default=Interval.MONTH)
    interval_count = models.PositiveSmallIntegerField(default=1, help_text="2 and week: every two weeks.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by_kind = models.CharField(max_length=10, choices=ActorKind, editable=False)
    created_by = models.CharField(max_length=MAX_NAME, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "version"], name="price_version_once"),
            models.CheckConstraint(condition=Q(version__gt=0), name="price_version_is_positive"),
            models.CheckConstraint(condition=_is_chargeable(), name="price_amount_is_chargeable"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY_CODE), name="price_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(interval_count__gt=0)
                & (
                    Q(interval="week", interval_count__lte=156)
                    | Q(interval="month", interval_count__lte=36)
                    | Q(interval="year", interval_count__lte=3)
                ),
                name="price_interval_is_at_most_three_years",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} version {self.version}"

    @property
    def billing_interval(self) -> billing_periods.Interval:
        """The length of a billing period."""
        return billing_periods.Interval(unit=Unit(self.interval), count=self.interval_count)

    def clean(self) -> None:
        """Refuse an amount that Stripe would refuse, and an interval that is too long."""
        # If a value is not a number, it is None here, and the field has its own error.
        errors = {}
        if self.amount is not None and (reason := why_not_chargeable(amount=self.amount, currency=self.currency)):
            errors["amount"] = reason
        limit = self.MAX_INTERVAL_COUNTS.get(Price.Interval(self.interval)) if self.interval in self.Interval else None
        if limit and self.interval_count is not None and not 1 <= self.interval_count <= limit:
            errors["interval_count"] = f"Write a number from 1 to {limit}: a period has at most three years."
        if errors:
            raise ValidationError(errors)
