"""Lists what the sandbox has recorded: requests, messages, contacts, payments and webhook deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request

from integrations.sandbox.brevo_api import contacts as brevo_contacts
from integrations.sandbox.control.errors import ControlError
from integrations.sandbox.stripe_api.call import rendered

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

MAX_LISTED = 10_000


def requests(sandbox: Sandbox, request: Request) -> Any:
    return {"data": sandbox.journal.entries(provider=request.args.get("provider"), path=request.args.get("path"))}


def clear_requests(sandbox: Sandbox, _: Request) -> Any:
    sandbox.journal.clear()
    return {"data": []}


def mails(sandbox: Sandbox, request: Request) -> Any:
    return _messages(sandbox, "brevo.email", request.args.get("to"))


def sms(sandbox: Sandbox, request: Request) -> Any:
    return _messages(sandbox, "brevo.sms", (request.args.get("to") or "").lstrip("+ ") or None)


def _messages(sandbox: Sandbox, kind: str, to: str | None) -> Any:
    filters = {"to": to.lower()} if to else {}
    documents, _more = sandbox.store.page(kind, filters=filters, limit=MAX_LISTED)
    return {"data": documents}


def contacts(sandbox: Sandbox, _: Request) -> Any:
    documents, _more = sandbox.store.page("brevo.contact", limit=MAX_LISTED)
    return {"data": [brevo_contacts.shown(contact) for contact in documents]}


def end_users(sandbox: Sandbox, _: Request) -> Any:
    documents, _more = sandbox.store.page("dixa.enduser", limit=MAX_LISTED)
    return {"data": documents}


def payment_intents(sandbox: Sandbox, request: Request) -> Any:
    filters = {"customer": request.args["customer"]} if "customer" in request.args else {}
    documents, _more = sandbox.store.page("payment_intent", filters=filters, limit=MAX_LISTED)
    return {"data": [rendered(document) for document in documents]}


def deliveries(sandbox: Sandbox, request: Request) -> Any:
    return {"data": sandbox.webhooks.listing(state=request.args.get("state"), provider=request.args.get("provider"))}


def redeliver(sandbox: Sandbox, _: Request, id: int) -> Any:
    if not sandbox.webhooks.redeliver(id):
        raise ControlError(f"There is no delivery {id}.", status=404)
    return {"id": id, "state": "pending"}
