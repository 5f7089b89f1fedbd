"""Send e-mail and SMS.

https://developers.brevo.com/reference/sendtransacemail, .../reference/send-async-transactional-sms
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from integrations.brevo import facts
from integrations.brevo.client import client
from integrations.http import RequestRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """One e-mail to one person, as HTML and as text."""

    sender_email: str
    sender_name: str
    to_email: str
    to_name: str
    subject: str
    html: str
    text: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Brevo has the message. ``message_id`` is empty if an earlier call with the same key had sent it."""

    message_id: str
    earlier: bool = False


def send_email(*, email: Email, idempotency_key: UUID, custom_id: str) -> Accepted:
    """Send the e-mail once per key, if the key was first used less than ``facts.RESEND_WITHIN`` ago.

    Brevo returns ``custom_id`` in webhooks. Recipients can see it, so use an opaque ASCII id. Raises what
    ``JsonClient`` does.
    """
    try:
        response = client().request("POST", "/smtp/email", json=_document(email, idempotency_key, custom_id))
    except RequestRejected as rejection:
        if rejection.status == 400 and rejection.code == facts.DUPLICATE:
            return Accepted(message_id="", earlier=True)
        raise
    return Accepted(message_id=_text(response.field("messageId")))


def _document(email: Email, idempotency_key: UUID, custom_id: str) -> dict[str, object]:
    recipient = {"email": email.to_email}
    if email.to_name:
        recipient["name"] = email.to_name
    return {
        "sender": {"email": email.sender_email, "name": email.sender_name},
        "to": [recipient],
        "subject": email.subject,
        "htmlContent": email.html,
        "textContent": email.text,
        "tags": list(email.tags),
        "headers": {"idempotencyKey": str(idempotency_key), "X-Mailin-custom": custom_id},
    }


def send_sms(*, sender: str, recipient: str, content: str, tag: str) -> Accepted:
    """Send one SMS. ``recipient`` is E.164; Brevo returns ``tag`` in webhooks.

    Brevo has no idempotency keys for SMS: each call may send one more SMS. Call again only if the first call certainly
    had no effect. Raises what ``JsonClient`` does.
    """
    document = {
        "sender": sender,
        "recipient": recipient.removeprefix("+"),
        "content": content,
        "type": "transactional",
        "tag": tag,
        "unicodeEnabled": not facts.GSM_ALPHABET.issuperset(content),
    }
    # Use a new connection: if Brevo closes an idle one during the call, the outcome is unknown.
    response = client(keep_alive=False).request("POST", "/transactionalSMS/send", json=document)
    return Accepted(message_id=_text(response.field("messageId")))


def _text(value: object) -> str:
    return str(value)[:200] if isinstance(value, str | int) else ""
