from __future__ import annotations

from notifications.models import Notification
from notifications.operations import emails

Kind, Status = Notification.Kind, Notification.Status


def test_the_confirmation_is_in_the_mailbox(brevo_sandbox, make_order, now):
    order = make_order(status="pending_payment")

    assert emails.send(kind=Kind.ORDER_CONFIRMATION, order_id=order.pk, at=now)

    [mail] = brevo_sandbox.records("mails")
    row = Notification.objects.get()
    assert mail["to"] == [{"email": "Ann.Lee@example.com", "name": "Ann Lee"}]
    assert mail["headers"] == {"idempotencyKey": str(row.idempotency_key), "X-Mailin-custom": str(row.pk)}
    assert order.number in mail["subject"]
    assert "€12.90" in mail["htmlContent"]
    assert "€12.90" in mail["textContent"]
    assert (row.status, row.provider_message_id, row.sent_at) == (Status.SENT, mail["id"], now)
