"""The page at /: what the providers received, and switches for faults. Server-rendered, no scripts, no assets."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, select_autoescape
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from integrations.sandbox import page_actions, presets
from integrations.sandbox.brevo_api import contacts
from integrations.sandbox.refusals import Refused
from integrations.sandbox.stripe_api import amounts, cards, disputes

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]
SHOWN = 100
TABS = {
    "mails": "E-mail",
    "sms": "SMS",
    "contacts": "Contacts",
    "endusers": "End users",
    "payments": "Payments",
    "webhooks": "Webhooks",
    "requests": "Requests",
    "faults": "Faults",
}
REFRESH = ("2", "5", "15")
# The policy also applies inside the previews of mails, so that they load nothing and run no script.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
TONES = {
    "good": {"succeeded", "delivered", "sent", "won", "opened", "click", "200", "201", "202", "204"},
    "busy": {"requires_action", "requires_confirmation", "processing", "pending", "sending", "deferred"},
    "bad": {"canceled", "failed", "lost", "dropped", "hard_bounce", "soft_bounce", "blocked", "spam",
            "requires_payment_method", "rejected", "unsubscribed", "invalid_email", "error"},
}  # fmt: skip


def handle(sandbox: Sandbox, request: Request) -> Response:
    if request.path != "/":
        return Response("Not found\n", status=404, content_type="text/plain; charset=utf-8")
    if request.method == "POST":
        return _act(sandbox, request)
    tab = request.args.get("tab", "mails")
    tab = tab if tab in TABS else "mails"
    refresh = request.args.get("refresh", "")
    with sandbox.store.transaction():
        context = {
            "tab": tab,
            "tabs": TABS,
            "counts": _counts(sandbox),
            "refresh": refresh if refresh in REFRESH else "",
            "refreshes": REFRESH,
            "selected": request.args.get("id", ""),
            "notice": request.args.get("notice", ""),
            "faults_on": len(sandbox.faults.rules()),
            **VIEWS[tab](sandbox),
        }
    page = TEMPLATES.get_template(f"{tab}.html").render(context)
    response = Response(page, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def _act(sandbox: Sandbox, request: Request) -> Response:
    """Carry out the action of a button, then show the same tab again."""
    origin = request.headers.get("Origin")
    if origin not in (None, "null") and urlsplit(origin).netloc != request.host:
        return Response("Forms of other sites are refused.\n", status=403, content_type="text/plain")
    fields = request.form.to_dict()
    query = {"tab": fields.pop("tab", ""), "refresh": fields.pop("refresh", ""), "id": fields.get("id", "")}
    try:
        with sandbox.store.transaction():
            page_actions.act(sandbox, fields)
    except Refused as error:
        query["notice"] = str(error)
    return redirect("/?" + urlencode({name: value for name, value in query.items() if value}), 303)


def _counts(sandbox: Sandbox) -> dict[str, int]:
    kinds = {
        "mails": "brevo.email",
        "sms": "brevo.sms",
        "contacts": "brevo.contact",
        "endusers": "dixa.enduser",
        "payments": "payment_intent",
    }
    counts = {tab: sandbox.store.count(kind) for tab, kind in kinds.items()}
    counts["webhooks"] = sandbox.webhooks.count()
    counts["requests"] = len(sandbox.journal)
    counts["faults"] = len(sandbox.faults.rules())
    return counts


def _latest(sandbox: Sandbox, kind: str) -> list[Document]:
    documents, _ = sandbox.store.page(kind, limit=SHOWN)
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
    return sandbox.store.page(kind, filters={"payment_intent": intent["id"]}, limit=SHOWN)[0]


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
    return {"rows": sandbox.webhooks.listing()[:SHOWN]}


def _requests(sandbox: Sandbox) -> Document:
    return {"rows": sandbox.journal.entries()[: -SHOWN - 1 : -1]}


VIEWS: dict[str, Callable[[Sandbox], Document]] = {
    "mails": lambda sandbox: {"rows": _latest(sandbox, "brevo.email")},
    "sms": lambda sandbox: {"rows": _latest(sandbox, "brevo.sms")},
    "contacts": lambda sandbox: {"rows": [contacts.shown(c) for c in _latest(sandbox, "brevo.contact")]},
    "endusers": lambda sandbox: {"rows": _latest(sandbox, "dixa.enduser")},
    "payments": _payments,
    "webhooks": _webhooks,
    "requests": _requests,
    "faults": _faults,
}


def _money(amount: int, currency: str) -> str:
    return amounts.formatted(amount, currency).upper()


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S")


def _tone(word: object) -> str:
    text = str(word)
    refused = "bad" if text[:1] in ("4", "5") else "plain"
    return next((tone for tone, words in TONES.items() if text in words), refused)


def _plain_preview(text: str) -> str:
    """A plain-text mail as an HTML document for the preview."""
    return f'<pre style="font:14px/1.5 ui-monospace,monospace;white-space:pre-wrap">{html.escape(text)}</pre>'


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"money": _money, "clock": _time, "tone": _tone, "as_document": _plain_preview}
