"""The tabs of the page, and the rows that each shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from integrations.sandbox import presets
from integrations.sandbox.brevo_api import contacts
from integrations.sandbox.stripe_api import cards, disputes

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]
MAX_ROWS = 100
TITLES = {
    "mails": "E-mail",
    "sms": "SMS",
    "contacts": "Contacts",
    "endusers": "End users",
    "payments": "Payments",
    "webhooks": "Webhooks",
    "requests": "Requests",
    "faults": "Faults",
}


def counts(sandbox: Sandbox) -> dict[str, int]:
    kinds = {
        "mails": "brevo.email",
        "sms": "brevo.sms",
        "contacts": "brevo.contact",
        "endusers": "dixa.enduser",
        "payments": "payment_intent",
    }
    numbers = {tab: sandbox.store.count(kind) for tab, kind in kinds.items()}
    numbers["webhooks"] = sandbox.webhooks.count()
    numbers["requests"] = len(sandbox.journal)
    numbers["faults"] = len(sandbox.faults.rules())
    return numbers


def _latest(sandbox: Sandbox, kind: str) -> list[Document]:
    documents, _ = sandbox.store.page(kind, limit=MAX_ROWS)
    return documents


def _payments(sandbox: Sandbox) -> Document:
    rows = []
    for intent in _latest(sandbox, "payment_intent"):
        method = sandbox.store.get("payment_method", intent["payment_method"] or "")
        method = method or (intent["last_payment_error"] or {}).get("payment_method")
        charge = sandbox.store.get("charge", intent["latest_charge"] or "")
        customer = sandbox.store.get("customer", intent["customer"] or "") or {}
        row = {"intent": intent, "method": method, "charge": charge, "email": customer.get("email")}
        rows.append({**row, **{f"{kind}s": _of_intent(sandbox, kind, intent) for kind in ("refund", "dispute")}})
    return {"rows": rows, "aliases": cards.aliases(), "closed": disputes.CLOSED}


def _of_intent(sandbox: Sandbox, kind: str, intent: Document) -> list[Document]:
    return sandbox.store.page(kind, filters={"payment_intent": intent["id"]}, limit=MAX_ROWS)[0]


def _faults(sandbox: Sandbox) -> Document:
    rules = sandbox.faults.rules()
    return {
        "rules": rules,
        "presets": [
            {"name": name, "title": preset.title, "on": presets.is_on(rules, name)}
            for name, preset in presets.PRESETS.items()
        ],
    }


def _webhooks(sandbox: Sandbox) -> Document:
    return {"rows": sandbox.webhooks.listing()[:MAX_ROWS]}


def _requests(sandbox: Sandbox) -> Document:
    return {"rows": sandbox.journal.entries()[: -MAX_ROWS - 1 : -1]}


CONTEXTS: dict[str, Callable[[Sandbox], Document]] = {
    "mails": lambda sandbox: {"rows": _latest(sandbox, "brevo.email")},
    "sms": lambda sandbox: {"rows": _latest(sandbox, "brevo.sms")},
    "contacts": lambda sandbox: {"rows": [contacts.shown(c) for c in _latest(sandbox, "brevo.contact")]},
    "endusers": lambda sandbox: {"rows": _latest(sandbox, "dixa.enduser")},
    "payments": _payments,
    "webhooks": _webhooks,
    "requests": _requests,
    "faults": _faults,
}
"""The variables of each tab's template."""
