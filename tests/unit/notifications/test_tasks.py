from __future__ import annotations

from charges.events import (
    CardExpires,
    DunningExhausted,
    PaymentActionRequired,
    PaymentFailed,
    PaymentLinkRequested,
    PaymentReminderDue,
    RefundFailed,
    RefundSucceeded,
)
from integrations.outbox.events import consumers_of
from integrations.sqs.tasks import queue_for
from notifications.events import BrevoWebhookReceived
from orders.events import OrderPaid, OrderPlaced
from subscriptions.events import (
    CancellationReceived,
    CustomerRegistered,
    CustomerUpdated,
    PlanChangeClosed,
    PlanChanged,
    PriceChangePlanned,
    ReminderDue,
)

OURS = ("emails.", "sms.", "brevo.", "dixa.")


def test_each_event_has_its_tasks_and_queues():
    consumed = {
        OrderPlaced: {"emails.order_confirmation": "EmailsQueue"},
        OrderPaid: {
            "emails.welcome": "EmailsQueue",
            "sms.order_paid": "SmsQueue",
            "brevo.sync_contact": "BrevoQueue",
            "dixa.sync_end_user": "DixaQueue",
        },
        PaymentFailed: {"emails.payment_failed": "EmailsQueue", "sms.payment_failed": "SmsQueue"},
        PaymentActionRequired: {
            "emails.payment_action_required": "EmailsQueue",
            "sms.payment_action_required": "SmsQueue",
        },
        PaymentReminderDue: {"emails.payment_reminder": "EmailsQueue"},
        PaymentLinkRequested: {"emails.payment_link": "EmailsQueue"},
        DunningExhausted: {"emails.dunning_exhausted": "EmailsQueue"},
        RefundSucceeded: {"emails.refund_succeeded": "EmailsQueue"},
        RefundFailed: {"emails.refund_failed": "EmailsQueue"},
        CardExpires: {"emails.card_expiring": "EmailsQueue"},
        CancellationReceived: {"emails.cancellation_receipt": "EmailsQueue"},
        PriceChangePlanned: {"emails.price_change": "EmailsQueue"},
        PlanChanged: {"emails.plan_changed": "EmailsQueue"},
        PlanChangeClosed: {"emails.plan_change_dropped": "EmailsQueue"},
        ReminderDue: {"emails.reminder": "EmailsQueue"},
        CustomerRegistered: {"brevo.sync_contact": "BrevoQueue", "dixa.sync_end_user": "DixaQueue"},
        CustomerUpdated: {"brevo.sync_contact": "BrevoQueue", "dixa.sync_end_user": "DixaQueue"},
        BrevoWebhookReceived: {"brevo.process_webhook": "BrevoQueue"},
    }
    for event, tasks in consumed.items():
        names = {name for name in consumers_of(event) if name.startswith(OURS)}
        assert {name: queue_for(name).name for name in names} == tasks
