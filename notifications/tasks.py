"""EmailsQueue, SmsQueue, BrevoQueue and DixaQueue."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from charges.events import DunningExhausted, PaymentActionRequired, PaymentFailed, PaymentReminderDue
from integrations.outbox.events import consumes
from integrations.sqs.topology import BREVO, DIXA, EMAILS, SMS
from notifications.events import BrevoWebhookReceived
from notifications.models import Notification
from notifications.operations import brevo_events, contact_syncs, emails, sms
from orders.events import OrderPaid, OrderPlaced
from subscriptions.events import CustomerRegistered, CustomerUpdated

Kind = Notification.Kind


@consumes(OrderPlaced, name="emails.order_confirmation", queue=EMAILS)
def order_confirmation(*, order_id: UUID, **_: object) -> None:
    emails.send(kind=Kind.ORDER_CONFIRMATION, order_id=order_id, at=timezone.now())


@consumes(OrderPaid, name="emails.welcome", queue=EMAILS)
def welcome(*, order_id: UUID, **_: object) -> None:
    emails.send(kind=Kind.WELCOME, order_id=order_id, at=timezone.now())


@consumes(PaymentFailed, name="emails.payment_failed", queue=EMAILS)
def payment_failed(*, order_id: UUID, **_: object) -> None:
    emails.send(kind=Kind.PAYMENT_FAILED, order_id=order_id, at=timezone.now())


@consumes(PaymentActionRequired, name="emails.payment_action_required", queue=EMAILS)
def payment_action_required(*, order_id: UUID, **_: object) -> None:
    emails.send(kind=Kind.PAYMENT_ACTION_REQUIRED, order_id=order_id, at=timezone.now())


@consumes(OrderPaid, name="sms.order_paid", queue=SMS)
def order_paid(*, order_id: UUID, **_: object) -> None:
    sms.send(kind=Kind.ORDER_PAID, order_id=order_id, at=timezone.now())


@consumes(CustomerRegistered, CustomerUpdated, OrderPaid, name="brevo.sync_contact", queue=BREVO)
def sync_contact(*, customer_id: UUID, **_: object) -> None:
    contact_syncs.sync_contact(customer_id=customer_id, at=timezone.now())


@consumes(BrevoWebhookReceived, name="brevo.process_webhook", queue=BREVO)
def process_webhook(*, webhook_event_id: UUID, **_: object) -> None:
    brevo_events.process(webhook_event_id=webhook_event_id, at=timezone.now())


@consumes(CustomerRegistered, CustomerUpdated, OrderPaid, name="dixa.sync_end_user", queue=DIXA)
def sync_end_user(*, customer_id: UUID, **_: object) -> None:
    contact_syncs.sync_end_user(customer_id=customer_id, at=timezone.now())


@consumes(PaymentReminderDue, name="emails.payment_reminder", queue=EMAILS)
def payment_reminder(**_: object) -> None: ...


@consumes(DunningExhausted, name="emails.dunning_exhausted", queue=EMAILS)
def dunning_exhausted(**_: object) -> None: ...
