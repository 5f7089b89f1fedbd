"""The plans that the shop sells."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

# Stripe allows trials of up to two years.
MAX_TRIAL_DAYS = 730
MAX_REMINDER_DAYS = 365
MAX_CUT_OFF_HOURS = 24 * 28


class Plan(models.Model):
    """A product that is delivered in each billing period. Its prices are rows of ``Price``."""

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
    is_digital = models.BooleanField(default=False, help_text="Nothing is shipped: a paid order is fulfilled at once.")
    needs_address = models.BooleanField(default=False, help_text="The checkout requires a shipping address.")
    is_active = models.BooleanField(default=True, help_text="Customers can buy it.")
    available_from = models.DateTimeField(
        null=True, blank=True, default=None, help_text="Customers can buy it from this time on. Empty: at once."
    )
    available_until = models.DateTimeField(
        null=True, blank=True, default=None, help_text="Customers can buy it before this time. Empty: without an end."
    )
    trial_days = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(MAX_TRIAL_DAYS)],
        help_text="Days before the first charge. 0: without a trial.",
    )
    cut_off_hours = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(MAX_CUT_OFF_HOURS)],
        help_text="Hours before a delivery after which a change concerns the next delivery.",
    )
    max_skips = models.PositiveSmallIntegerField(
        default=0, help_text="How many of the coming deliveries a customer may skip. 0: none."
    )
    trial_reminder_days = models.PositiveSmallIntegerField(
        default=7,
        validators=[MaxValueValidator(MAX_REMINDER_DAYS)],
        help_text="Days before the end of a trial on which the customer is reminded. Visa requires 7.",
    )
    renewal_reminder_days = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(MAX_REMINDER_DAYS)],
        help_text="Days before a renewal on which the customer is reminded. 0: never. 30 suits yearly plans.",
    )
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
            models.CheckConstraint(
                condition=Q(available_from=None) | Q(available_until=None) | Q(available_until__gt=F("available_from")),
                name="plan_available_until_is_after_from",
            ),
            models.CheckConstraint(condition=Q(trial_days__lte=MAX_TRIAL_DAYS), name="plan_trial_is_not_too_long"),
            models.CheckConstraint(
                condition=Q(cut_off_hours__lte=MAX_CUT_OFF_HOURS), name="plan_cut_off_is_not_too_early"
            ),
            models.CheckConstraint(
                condition=Q(trial_reminder_days__lte=MAX_REMINDER_DAYS, renewal_reminder_days__lte=MAX_REMINDER_DAYS),
                name="plan_reminders_are_not_too_early",
            ),
            models.CheckConstraint(
                condition=Q(is_digital=False) | Q(cut_off_hours=0, max_skips=0), name="digital_plan_has_no_deliveries"
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse what the constraints refuse, beside the field that is wrong."""
        errors = {}
        if self.available_from and self.available_until and self.available_until <= self.available_from:
            errors["available_until"] = "This must be later than the time from which the plan is available."
        for field in ("cut_off_hours", "max_skips"):
            if self.is_digital and getattr(self, field):
                errors[field] = "A digital plan has no deliveries: write 0."
        if errors:
            raise ValidationError(errors)
