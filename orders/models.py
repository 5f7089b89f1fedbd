"""Orders with their lines, and the stored responses of the checkout's idempotency keys."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid6 import uuid7

from subscriptions.models import BillingPeriod, Customer, Plan, Subscription
from subscriptions.money import CURRENCY_CODE

# Crockford's base 32, which omits letters that look like digits. Ten random letters make 2^50 numbers. With a counter
# instead, orders would wait for each other and show how many there are.
NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_LENGTH = 10


def new_order_number() -> str:
    """A random number that is easy to read out on the phone, such as ``7K3M9-Q2XAB``."""
    letters = "".join(secrets.choice(NUMBER_ALPHABET) for _ in range(NUMBER_LENGTH))
    return f"{letters[:5]}-{letters[5:]}"


def as_order_number(typed: str) -> str | None:
    """The stored form of a typed order number (``7k3m9 q2xab``, ``7K3M9Q2XAB``), or None if it cannot be one."""
    letters = typed.upper().replace("-", "").replace(" ", "")
    if len(letters) != NUMBER_LENGTH or not set(letters) <= set(NUMBER_ALPHABET):
        return None
    return f"{letters[:5]}-{letters[5:]}"


class Order(models.Model):
    """An order of a subscription, usually for one of its billing periods. It is paid once."""

    class Kind(models.TextChoices):
        FIRST = "first", "First: the first billed period of a subscription"
        RENEWAL = "renewal", "Renewal: a later period"
        CHANGE = "change", "Change: the difference after a change of plan or quantity within a period"

    class Status(models.TextChoices):
        PENDING_PAYMENT = "pending_payment"
        REQUIRES_ACTION = "requires_action"
        PAID = "paid"
        PAYMENT_FAILED = "payment_failed"
        FULFILLED = "fulfilled"
        CANCELED = "canceled"
        REFUNDED = "refunded"
        PARTIALLY_REFUNDED = "partially_refunded"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.CharField(max_length=12, unique=True, default=new_order_number, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    period = models.ForeignKey(BillingPeriod, null=True, default=None, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING_PAYMENT)
    amount = models.PositiveIntegerField(help_text="In minor units of the currency.")
    currency = models.CharField(max_length=3, help_text="ISO 4217, upper case.")
    payment_method = models.CharField(max_length=255)
    shipping_address = models.JSONField(null=True, default=None)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    placed_at = models.DateTimeField(db_default=Now())
    paid_at = models.DateTimeField(null=True, default=None)
    fulfillment_started_at = models.DateTimeField(null=True, default=None)
    fulfilled_at = models.DateTimeField(null=True, default=None)
    canceled_at = models.DateTimeField(null=True, default=None)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            # The period of an order of the kind "change" is null, and nulls are distinct.
            models.UniqueConstraint(fields=["subscription", "period"], name="one_order_per_period"),
            models.UniqueConstraint(
                fields=["subscription"], condition=Q(kind="first"), name="one_first_order_per_subscription"
            ),
            models.CheckConstraint(
                condition=Q(kind="change", period=None) | (~Q(kind="change") & Q(period__isnull=False)),
                name="order_of_a_period_kind_has_a_period",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="order_amount_is_positive"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY_CODE), name="order_currency_is_iso"),
            models.CheckConstraint(
                condition=Q(period_end__gt=F("period_start")), name="order_period_ends_after_its_start"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["paid", "fulfilled", "partially_refunded", "refunded"])
                | Q(paid_at__isnull=False),
                name="paid_order_has_paid_at",
            ),
            models.CheckConstraint(
                condition=~Q(status="fulfilled") | Q(fulfilled_at__isnull=False),
                name="fulfilled_order_has_fulfilled_at",
            ),
            models.CheckConstraint(
                condition=~Q(status="canceled") | Q(canceled_at__isnull=False), name="canceled_order_has_canceled_at"
            ),
        ]
        indexes = [
            models.Index(fields=["status", "placed_at"], name="order_by_status"),
            # A small part of the table: the sweep and the ledger check look for paid orders without fulfillment.
            models.Index(
                fields=["paid_at"],
                condition=Q(fulfillment_started_at__isnull=True, paid_at__isnull=False),
                name="order_paid_not_started",
            ),
            # The sweep reads the orders that were canceled in the last days, every few minutes.
            models.Index(fields=["canceled_at"], condition=Q(status="canceled"), name="order_canceled"),
        ]

    def __str__(self) -> str:
        return self.number


AWAITING_PAYMENT = (Order.Status.PENDING_PAYMENT, Order.Status.REQUIRES_ACTION, Order.Status.PAYMENT_FAILED)
# A refund moves an order between these states. A canceled order stays canceled if its payment is refunded.
PAID = (Order.Status.PAID, Order.Status.FULFILLED, Order.Status.PARTIALLY_REFUNDED, Order.Status.REFUNDED)


class OrderLine(models.Model):
    """One line of an order, with the plan's name and price at the time of the order."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    description = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    unit_amount = models.PositiveIntegerField(help_text="In minor units of the order's currency.")
    amount = models.PositiveIntegerField(help_text="quantity × unit_amount, in minor units.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount=F("quantity") * F("unit_amount")), name="line_amount_adds_up"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="line_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.description}"


class StoredResponse(models.Model):
    """The response to one Idempotency-Key of one caller, stored in the transaction that placed the order."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    caller = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    response: models.JSONField[dict[str, Any]] = models.JSONField()
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="checkout_key_once")]
        indexes = [models.Index(fields=["created_at"], name="stored_response_age")]

    def __str__(self) -> str:
        return str(self.pk)
