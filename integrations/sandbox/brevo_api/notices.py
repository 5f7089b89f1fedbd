"""The webhooks that Brevo sends about messages and contacts.

The address decides what happens to a mail. If the local part begins with the name of an event, as in
`hard_bounce+ann@example.com`, that event happens.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from integrations.sandbox.brevo_api import blocklist, contacts

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]
EMAIL_EVENTS = ("request", "delivered", "deferred", "soft_bounce", "hard_bounce", "blocked", "invalid_email",
                "error", "spam", "opened", "unique_opened", "proxy_open", "unique_proxy_open", "click",
                "unsubscribed")  # fmt: skip
SMS_EVENTS = (
    "sent",
    "accepted",
    "delivered",
    "soft_bounce",
    "hard_bounce",
    "rejected",
    "replied",
    "unsubscribe",
)
BLOCKING_EVENTS = ("hard_bounce", "spam", "unsubscribed")
EVENTS_BY_ADDRESS = ("soft_bounce", "hard_bounce", "blocked", "invalid_email", "spam", "deferred", "error")
REASONS = {"hard_bounce": "550 mailbox unknown", "soft_bounce": "452 mailbox full",
               "blocked": "blocked : due to blacklist user", "deferred": "421 try again later",
               "invalid_email": "invalid address", "error": "internal error"}  # fmt: skip
EMAIL_WEBHOOK, SMS_WEBHOOK, MARKETING_WEBHOOK = 77, 79, 78


def after_sending(sandbox: Sandbox, mail: Document, address: str) -> None:
    """`request`, then `delivered`, unless the test address or the blocklist prevents it."""
    email_event(sandbox, mail, address, "request")
    outcome = next((event for event in EVENTS_BY_ADDRESS if address.lower().startswith(event)), "delivered")
    if blocklist.has(sandbox, address):
        outcome = "blocked"
    email_event(sandbox, mail, address, outcome)


def email_event(sandbox: Sandbox, mail: Document, address: str, event: str, **more: Any) -> Document:
    """Record an event of a mail, block the contact if the event requires it, and send the webhook."""
    payload = {
        "event": event,
        "email": address,
        "id": EMAIL_WEBHOOK,
        **_times(sandbox),
        "message-id": mail["id"],
        "subject": mail["subject"],
        "tags": mail["tags"],
        "tag": json.dumps(mail["tags"]),
        "sending_ip": "192.0.2.1",
        "contact_id": contacts.id_by_email(sandbox, address),
        "link": more.pop("link", None),
        **more,
    }
    if mail["templateId"]:
        payload["template_id"] = mail["templateId"]
    custom = {name.lower(): value for name, value in mail["headers"].items()}.get("x-mailin-custom")
    if custom is not None:
        payload["X-Mailin-custom"] = custom
    if event in REASONS:
        payload.setdefault("reason", REASONS[event])
    mail["events"].append(event)
    sandbox.store.put("brevo.email", mail, created=mail["at"], refs={"to": mail["to"][0]["email"].lower()})
    if event in BLOCKING_EVENTS:
        blocklist.add(sandbox, address, reason=event)
        contacts.unsubscribe(sandbox, address)
    _enqueue(sandbox, payload, event_type=event)
    return payload


def sms_event(sandbox: Sandbox, sms: Document, status: str, **more: Any) -> Document:
    payload = {
        "id": SMS_WEBHOOK,
        "to": sms["recipient"],
        "messageId": sms["messageId"],
        "msg_status": status,
        "type": sms["type"],
        "tag": sms["tag"],
        "sms_count": sms["smsCount"],
        "credits_used": sms["usedCredits"],
        "remaining_credit": sms["remainingCredits"],
        "date": _times(sandbox)["date"],
        "ts_event": _times(sandbox)["ts_event"],
        "reference": {"1": sms["reference"]},
        "status": "OK" if status not in ("rejected", "hard_bounce", "soft_bounce") else "KO",
        "description": status,
        "error_code": 0,
        **more,
    }
    sms["events"].append(status)
    sandbox.store.put("brevo.sms", sms, created=sms["at"], refs={"to": sms["recipient"]})
    _enqueue(sandbox, payload, event_type=f"sms {status}")
    if sms.get("webUrl"):
        _enqueue(sandbox, payload, event_type=f"sms {status}", url=sms["webUrl"])
    return payload


def marketing_event(sandbox: Sandbox, event: str, address: str, **more: Any) -> Document:
    """`unsubscribe`, `contact_updated` and the like, in the format of marketing webhooks."""
    times = _times(sandbox)
    payload = {
        "event": event,
        "email": address,
        "id": MARKETING_WEBHOOK,
        "camp_id": 5,
        "campaign name": "Autumn",
        "tag": "",
        "date_sent": times["date"],
        "date_event": times["date"],
        "ts_sent": times["ts"],
        "ts_event": times["ts_event"],
        "ts": times["ts"],
        "list_id": [3],
        **more,
    }
    if event in ("unsubscribe", "unsubscribed", "spam", "hard_bounce"):
        contacts.unsubscribe(sandbox, address)
    _enqueue(sandbox, payload, event_type=event)
    return payload


def _times(sandbox: Sandbox) -> Document:
    now = sandbox.clock()
    local = datetime.fromtimestamp(now, UTC) + timedelta(hours=1)
    return {
        "date": local.strftime("%Y-%m-%d %H:%M:%S"),
        "ts": int(now),
        "ts_event": int(now),
        "ts_epoch": int(now * 1000),
    }


def _enqueue(sandbox: Sandbox, payload: Document, *, event_type: str, url: str | None = None) -> None:
    name = str(payload.get("message-id") or payload.get("messageId") or payload.get("email"))
    sandbox.webhooks.enqueue(provider="brevo", event_id=name, event_type=event_type, payload=payload, url=url)
