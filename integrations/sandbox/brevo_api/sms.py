"""POST /v3/transactionalSMS/send and /sms. There is no idempotency key: a repeated request sends a second SMS."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from integrations.sandbox.brevo_api import notices
from integrations.sandbox.brevo_api.errors import BrevoError, check_shape, invalid, missing

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]
KIND = "brevo.sms"
FIELDS: dict[str, type | tuple[type, ...]] = {
    "sender": str,
    "recipient": str,
    "content": str,
    "templateId": int,
    "params": dict,
    "type": str,
    "tag": (str, list),
    "webUrl": str,
    "unicodeEnabled": bool,
    "organisationPrefix": str,
}
SENDER = re.compile(r"^(?:[A-Za-z0-9]{1,11}|\d{12,15})$")
RECIPIENT = re.compile(r"^\+?\d{6,15}$")
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
PRICE = 0.05


def send(sandbox: Sandbox, document: Document) -> tuple[int, Document]:
    """The asynchronous endpoint."""
    return 201, {"messageId": _accept(sandbox, document)["messageId"]}


def send_and_wait(sandbox: Sandbox, document: Document) -> tuple[int, Document]:
    """The synchronous endpoint, which also returns the price."""
    sms = _accept(sandbox, document)
    returned = ("reference", "messageId", "smsCount", "usedCredits", "remainingCredits")
    return 201, {name: sms[name] for name in returned}


def _accept(sandbox: Sandbox, document: Document) -> Document:
    _validate(document)
    content = document.get("content") or f"[template {document.get('templateId')}]"
    if document.get("unicodeEnabled") is False:
        content = "".join(c if c in GSM else "?" for c in content)
    parts = _parts(content)
    cost = round(parts * PRICE, 2)
    sms: Document = {
        "id": f"sms_{secrets.token_hex(8)}",
        "messageId": secrets.randbelow(10**15),
        "reference": secrets.token_hex(8),
        "sender": document["sender"],
        "recipient": document["recipient"].lstrip("+"),
        "content": content,
        "templateId": document.get("templateId"),
        "params": document.get("params") or {},
        "type": document.get("type") or "transactional",
        "tag": document.get("tag"),
        "webUrl": document.get("webUrl"),
        "smsCount": parts,
        "usedCredits": cost,
        "remainingCredits": _pay(sandbox, cost),
        "at": sandbox.clock(),
        "events": [],
    }
    sandbox.store.put(KIND, sms, created=sms["at"], refs={"to": sms["recipient"]})
    notices.sms_event(sandbox, sms, "sent")
    notices.sms_event(sandbox, sms, "delivered")
    return sms


def _pay(sandbox: Sandbox, cost: float) -> float:
    """Subtract the price from the credits. Raises 402 if they are used up."""
    left = sandbox.store.setting("brevo.credits")
    if left is None:
        left = sandbox.config.brevo_credits
    if left is None:
        return 1000.0
    if left < cost:
        raise BrevoError("Not enough credits to send the SMS", status=402)
    sandbox.store.set_setting("brevo.credits", round(left - cost, 2))
    return round(float(left) - cost, 2)


def _parts(content: str) -> int:
    single, multi = (160, 153) if all(c in GSM for c in content) else (70, 67)
    return 1 if len(content) <= single else -(-len(content) // multi)


def _validate(document: Document) -> None:
    check_shape(document, FIELDS)
    for name in ("sender", "recipient"):
        if not document.get(name):
            raise missing(name)
    if not SENDER.match(document["sender"]):
        raise invalid("sender should be alphanumeric and at most 11 characters, or numeric and at most 15")
    if not RECIPIENT.match(document["recipient"]):
        raise invalid("Invalid telephone number")
    if not document.get("content") and document.get("templateId") is None:
        raise missing("content")
    if (document.get("type") or "transactional") not in ("transactional", "marketing"):
        raise invalid("type should be transactional or marketing")
    tag = document.get("tag")
    if isinstance(tag, list) and len(tag) > 10:
        raise invalid("at most 10 tags are allowed")
    if not re.match(r"https?://[^/]", document.get("webUrl") or "http://x"):
        raise invalid("webUrl should be a URL")
