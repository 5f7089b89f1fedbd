"""The tasks on EmailsQueue, SmsQueue, BrevoQueue and DixaQueue."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from charges.events import (
    CardExpires,
    DunningExhausted,
    PaymentActionRequired,
    PaymentFailed,
    PaymentLinkRequested,
    PaymentReminderDue,
    RefundFailed,
    RefundSucceeded,
    TrialRefused,
)
from integrations.outbox import recovery
from integrations.outbox.events import consumes
from integrations.sqs.topology import BREVO, DIXA, EMAILS, SMS
from notifications.events import AnonymizationPending, BrevoWebhookReceived, MailLogDeletionDue
from notifications.models import Notification
from notifications.operations import (
    account_emails,
    brevo_events,
    contact_syncs,
    emails,
    erasing,
    sms,
    subscription_emails,
)
from notifications.operations import recovery as stuck_work
from notifications.operations.dedup_keys import DedupKey
from orders.events import OrderPaid, OrderPlaced
from subscriptions.events import (
    CancellationReceived,
    CustomerRegistered,
    CustomerUpdated,
    EmailChanged,
    EmailChangeRequested,
    ErasureBegun,
    ErasureRequested,
    LoginCreated,
    LoginRequested,
    PasswordChanged,
    PlanChangeClosed,
    PlanChanged,
    PriceChangePlanned,
    ReminderDue,
)
from subscriptions.operations.erasures import parts

Kind = Notification.Kind

recovery.register(stuck_work.FINDERS)
parts.register("notifications", erasing.PART)


@consumes(OrderPlaced, name="emails.order_confirmation", queue=EMAILS)
def order_confirmation(*, order_id: UUID, **_: object) -> None:
    emails.send(kind=Kind.ORDER_CONFIRMATION, order_id=order_id, at=timezone.now())


@consumes(OrderPaid, name="emails.welcome", queue=EMAILS)
def welcome(*, order_id: UUID, **_: object) -> None:
    emails.send_receipt(order_id=order_id, at=timezone.now())


@consumes(PaymentFailed, name="emails.payment_failed", queue=EMAILS)
def payment_failed(*, order_id: UUID, attempt_number: int = 0, **_: object) -> None:
    dedup_key = DedupKey(attempt_number=attempt_number)
    emails.send(kind=Kind.PAYMENT_FAILED, order_id=order_id, dedup_key=dedup_key, at=timezone.now())


@consumes(PaymentActionRequired, name="emails.payment_action_required", queue=EMAILS)
def payment_action_required(*, order_id: UUID, attempt_number: int = 0, **_: object) -> None:
    dedup_key = DedupKey(attempt_number=attempt_number)
    emails.send(kind=Kind.PAYMENT_ACTION_REQUIRED, order_id=order_id, dedup_key=dedup_key, at=timezone.now())


@consumes(PaymentReminderDue, name="emails.payment_reminder", queue=EMAILS)
def payment_reminder(*, order_id: UUID, step_number: int, **_: object) -> None:
    dedup_key = DedupKey(step_number=step_number)
    emails.send(kind=Kind.PAYMENT_REMINDER, order_id=order_id, dedup_key=dedup_key, at=timezone.now())


@consumes(DunningExhausted, name="emails.dunning_exhausted", queue=EMAILS)
def dunning_exhausted(*, order_id: UUID, **_: object) -> None:
    emails.send(kind=Kind.DUNNING_EXHAUSTED, order_id=order_id, at=timezone.now())


@consumes(TrialRefused, name="emails.trial_refused", queue=EMAILS)
def trial_refused(*, order_id: UUID, **_: object) -> None:
    emails.send(kind=Kind.TRIAL_REFUSED, order_id=order_id, at=timezone.now())


@consumes(PaymentLinkRequested, name="emails.payment_link", queue=EMAILS)
def payment_link(*, order_id: UUID, request: str = "", **_: object) -> None:
    dedup_key = DedupKey(request=request)
    emails.send(kind=Kind.PAYMENT_LINK, order_id=order_id, dedup_key=dedup_key, at=timezone.now())


@consumes(RefundSucceeded, name="emails.refund_succeeded", queue=EMAILS)
def refund_succeeded(*, refund_id: UUID, order_id: UUID, **_: object) -> None:
    dedup_key = DedupKey(refund_id=refund_id)
    emails.send(kind=Kind.REFUND_SUCCEEDED, order_id=order_id, dedup_key=dedup_key, at=timezone.now())


@consumes(RefundFailed, name="emails.refund_failed", queue=EMAILS)
def refund_failed(*, refund_id: UUID, order_id: UUID, **_: object) -> None:
    dedup_key = DedupKey(refund_id=refund_id)
    emails.send(kind=Kind.REFUND_FAILED, order_id=order_id, dedup_key=dedup_key, at=timezone.now())


@consumes(LoginRequested, name="emails.login_mail", queue=EMAILS)
def login_mail(*, login_request_id: UUID, **_: object) -> None:
    account_emails.send_login_mail(login_request_id=login_request_id, at=timezone.now())


@consumes(LoginCreated, name="emails.account_created", queue=EMAILS)
def account_created(*, customer_id: UUID, **_: object) -> None:
    account_emails.send_account_created(customer_id=customer_id, at=timezone.now())


@consumes(PasswordChanged, name="emails.password_changed", queue=EMAILS)
def password_changed(*, customer_id: UUID, change: str, **_: object) -> None:
    account_emails.send_password_changed(customer_id=customer_id, change=change, at=timezone.now())


@consumes(EmailChangeRequested, name="emails.email_change_confirmation", queue=EMAILS)
def email_change_confirmation(*, email_change_id: UUID, **_: object) -> None:
    account_emails.send_email_change_confirmation(email_change_id=email_change_id, at=timezone.now())


@consumes(EmailChangeRequested, name="emails.email_change_notice", queue=EMAILS)
def email_change_notice(*, email_change_id: UUID, **_: object) -> None:
    account_emails.send_email_change_notice(email_change_id=email_change_id, at=timezone.now())


@consumes(EmailChanged, name="emails.email_changed", queue=EMAILS)
def email_changed(*, email_change_id: UUID, **_: object) -> None:
    account_emails.send_email_changed(email_change_id=email_change_id, at=timezone.now())


@consumes(ReminderDue, name="emails.reminder", queue=EMAILS)
def reminder(*, reminder_id: UUID, **_: object) -> None:
    subscription_emails.send_reminder(reminder_id=reminder_id, at=timezone.now())


@consumes(CardExpires, name="emails.card_expiring", queue=EMAILS)
def card_expiring(*, warning_id: UUID, **_: object) -> None:
    subscription_emails.send_card_expiring(warning_id=warning_id, at=timezone.now())


@consumes(PriceChangePlanned, name="emails.price_change", queue=EMAILS)
def price_change(*, pending_change_id: UUID, **_: object) -> None:
    subscription_emails.send_price_change(pending_change_id=pending_change_id, at=timezone.now())


@consumes(PlanChanged, name="emails.plan_changed", queue=EMAILS)
def plan_changed(*, pending_change_id: UUID, **_: object) -> None:
    subscription_emails.send_plan_changed(pending_change_id=pending_change_id, at=timezone.now())


@consumes(PlanChangeClosed, name="emails.plan_change_dropped", queue=EMAILS)
def plan_change_dropped(*, pending_change_id: UUID, **_: object) -> None:
    subscription_emails.send_plan_change_dropped(pending_change_id=pending_change_id, at=timezone.now())


@consumes(CancellationReceived, name="emails.cancellation_receipt", queue=EMAILS)
def cancellation_receipt(*, change_id: UUID, **_: object) -> None:
    subscription_emails.send_cancellation_receipt(change_id=change_id, at=timezone.now())


@consumes(PaymentFailed, name="sms.payment_failed", queue=SMS)
def payment_failed_sms(*, order_id: UUID, attempt_number: int = 0, **_: object) -> None:
    dedup_key = DedupKey(attempt_number=attempt_number)
    sms.send(kind=Kind.PAYMENT_FAILED, order_id=order_id, dedup_key=dedup_key, at=timezone.now())


@consumes(PaymentActionRequired, name="sms.payment_action_required", queue=SMS)
def payment_action_required_sms(*, order_id: UUID, attempt_number: int = 0, **_: object) -> None:
    dedup_key = DedupKey(attempt_number=attempt_number)
    sms.send(kind=Kind.PAYMENT_ACTION_REQUIRED, order_id=order_id, dedup_key=dedup_key, at=timezone.now())


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


@consumes(ErasureRequested, name="emails.account_erased", queue=EMAILS)
def account_erased(*, erasure_id: UUID, **_: object) -> None:
    account_emails.send_account_erased(erasure_id=erasure_id, at=timezone.now())


@consumes(ErasureBegun, name="emails.erase_messages", queue=EMAILS)
def erase_messages(*, erasure_id: UUID, **_: object) -> None:
    erasing.erase_messages(erasure_id=erasure_id, at=timezone.now())


@consumes(ErasureBegun, name="brevo.delete_contact", queue=BREVO)
def delete_contact(*, erasure_id: UUID, **_: object) -> None:
    erasing.delete_contact(erasure_id=erasure_id, at=timezone.now())


@consumes(ErasureBegun, MailLogDeletionDue, name="brevo.delete_mail_log", queue=BREVO)
def delete_mail_log(*, erasure_id: UUID, **_: object) -> None:
    erasing.delete_mail_log(erasure_id=erasure_id, at=timezone.now())


@consumes(ErasureBegun, AnonymizationPending, name="dixa.anonymize_end_user", queue=DIXA)
def anonymize_end_user(*, erasure_id: UUID, **_: object) -> None:
    erasing.anonymize_end_user(erasure_id=erasure_id, at=timezone.now())
