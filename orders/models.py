"""Orders with their lines, and the stored responses of the checkout's idempotency keys."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid6 import uuid7

from subscriptions.actors import MAX_NAME, ActorKind
from subscriptions.models import BillingPeriod, Customer, PendingChange, Plan, Price, Subscription
from subscriptions.models.accounts import E164
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
    # A change within a period has none. A change that begins a new period has it from its payment on.
    period = models.ForeignKey(BillingPeriod, null=True, default=None, on_delete=models.PROTECT, related_name="+")
    pending_change = models.OneToOneField(
        PendingChange, null=True, default=None, on_delete=models.PROTECT, related_name="+"
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING_PAYMENT)
    # An order of 0 has nothing to charge: a trial, or a period that the subscription's credit pays in full.
    amount = models.PositiveIntegerField(help_text="In minor units of the currency.")
    amount_refunded = models.PositiveIntegerField(
        default=0, db_default=0, help_text="In minor units: refunds that succeeded or are being made."
    )
    amount_charged_back = models.PositiveIntegerField(
        default=0, db_default=0, help_text="In minor units: what the bank took back, because the customer disputes it."
    )
    currency = models.CharField(max_length=3, help_text="ISO 4217, upper case.")
    payment_method = models.CharField(max_length=255)
    shipping_address = models.JSONField(null=True, default=None)
    # Messages about the order use these. The customer's own data may change later, or differ in another checkout.
    contact_name = models.CharField(max_length=200, blank=True)
    contact_phone = models.CharField(max_length=16, blank=True, help_text="E.164, such as +4915112345678.")
    contact_locale = models.CharField(max_length=35)
    sms_consent = models.BooleanField(default=False)
    marketing_consent = models.BooleanField(default=False)
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
            # The period of a change within a period is null, and nulls are distinct.
            models.UniqueConstraint(fields=["subscription", "period"], name="one_order_per_period"),
            models.UniqueConstraint(
                fields=["subscription"], condition=Q(kind="first"), name="one_first_order_per_subscription"
            ),
            models.CheckConstraint(
                condition=Q(kind="change") | Q(period__isnull=False), name="order_of_a_period_kind_has_a_period"
            ),
            models.CheckConstraint(
                condition=Q(kind="change", pending_change__isnull=False) | (~Q(kind="change") & Q(pending_change=None)),
                name="order_of_a_change_names_it",
            ),
            models.CheckConstraint(
                condition=Q(amount_refunded__lte=F("amount")), name="order_is_refunded_at_most_once"
            ),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY_CODE), name="order_currency_is_iso"),
            models.CheckConstraint(condition=~Q(contact_locale=""), name="order_has_a_contact_locale"),
            models.CheckConstraint(
                condition=Q(contact_phone="") | Q(contact_phone__regex=E164), name="order_contact_phone_is_e164"
            ),
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
    """A line of an order, with the plan's name and price at that time. The sum of its lines is the order's amount."""

    class Kind(models.TextChoices):
        PERIOD = "period", "Period: the price of a billing period"
        TRIAL = "trial", "Trial: the period of a trial, free of charge"
        DEBIT = "debit", "Debit: the new price for the rest of the period"
        UNUSED = "unused", "Unused: what was paid for the rest of the period, as a credit"
        BALANCE = "balance", "Balance: credit or an amount carried over from earlier changes"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERIOD)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    description = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    unit_amount = models.PositiveIntegerField(help_text="In minor units of the order's currency.")
    amount = models.IntegerField(help_text="In minor units. Negative: a credit.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="period", amount=F("quantity") * F("unit_amount"))
                | Q(kind="trial", amount=0)
                | Q(kind="debit", amount__gte=0, amount__lte=F("quantity") * F("unit_amount"))
                | Q(kind="unused", amount__lte=0, amount__gte=-F("quantity") * F("unit_amount"))
                | Q(kind="balance", quantity=1, amount=F("unit_amount"))
                | Q(kind="balance", quantity=1, amount=-F("unit_amount")),
                name="line_amount_adds_up",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="line_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.description}"


class BalanceEntry(models.Model):
    """A change of a subscription's balance. The sum of its entries is the balance: above 0 a credit, below 0 a debt.

    The next renewal settles the balance before it charges the card.
    """

    class Reason(models.TextChoices):
        CHANGE = "change", "A change of plan or quantity"
        ORDER = "order", "An order settles it"
        ORDER_CANCELED = "order_canceled", "The order that settled it was canceled"
        REFUND = "refund", "Refunded to the card instead"
        STAFF = "staff", "Given by staff"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    amount = models.IntegerField(help_text="In minor units. Positive: in favor of the customer.")
    currency = models.CharField(max_length=3, help_text="ISO 4217, upper case.")
    reason = models.CharField(max_length=20, choices=Reason)
    order = models.ForeignKey(Order, null=True, default=None, on_delete=models.PROTECT, related_name="+")
    pending_change = models.ForeignKey(
        PendingChange, null=True, default=None, on_delete=models.PROTECT, related_name="+"
    )
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor = models.CharField(max_length=MAX_NAME)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="balance_entry_is_not_zero"),
            models.CheckConstraint(condition=Q(currency__regex=CURRENCY_CODE), name="balance_currency_is_iso"),
            # An order settles the balance once, and gives it back once.
            models.UniqueConstraint(
                fields=["order", "reason"], condition=Q(order__isnull=False), name="balance_entry_once_per_order"
            ),
            models.UniqueConstraint(
                fields=["pending_change"], condition=Q(reason="change"), name="balance_entry_once_per_change"
            ),
            models.CheckConstraint(
                condition=~Q(reason__in=["order", "order_canceled"]) | Q(order__isnull=False),
                name="balance_entry_of_an_order_names_it",
            ),
        ]
        indexes = [models.Index(fields=["subscription", "at"], name="balance_by_subscription")]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class Quote(models.Model):
    """The cost of a change of plan or quantity at one moment. The change names its quote and charges these figures.

    A quote is used once, before it expires, and only while the subscription is as it was. Amounts are in minor units,
    with the signs of the order's lines.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="+")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    when = models.CharField(max_length=10, choices=PendingChange.When)
    at = models.DateTimeField(help_text="The time for which the figures are calculated.")
    expires_at = models.DateTimeField()
    # The version of the subscription.
    period_number = models.PositiveIntegerField()
    last_change = models.UUIDField(null=True, help_text="The subscription's last change when the quote was made.")
    paid = models.PositiveIntegerField(help_text="What was paid for the time that the unused line credits.")
    refunded = models.PositiveIntegerField(
        help_text="What was refunded or charged back of the orders of the running period."
    )
    unused = models.IntegerField()
    debit = models.IntegerField()
    balance = models.IntegerField()
    amount = models.PositiveIntegerField(help_text="What is charged.")
    currency = models.CharField(max_length=3, help_text="ISO 4217, upper case.")
    is_prorated = models.BooleanField(help_text="The change has an order.")
    begins_period = models.BooleanField(help_text="Another interval: a new period begins with the change.")
    applies_at = models.DateTimeField()
    period_end = models.DateTimeField(help_text="The end of the period in which the change applies.")
    next_amount = models.PositiveIntegerField(help_text="What the next renewal charges, as far as it is known.")
    next_at = models.DateTimeField(help_text="When the next renewal is due.")
    pending_change = models.OneToOneField(
        PendingChange, null=True, default=None, on_delete=models.CASCADE, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount=F("unused") + F("debit") + F("balance")), name="quote_amount_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(unused__lte=0, unused__gte=-F("paid"), debit__gte=0), name="quote_credits_what_was_paid"
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="quote_quantity_is_positive"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("at")), name="quote_expires_later"),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(pending_change=None), name="quote_to_purge"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


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
