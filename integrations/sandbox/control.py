"""The control API under /sandbox, in JSON: reads the state, injects events, and switches faults.

Lists answer `{"data": [...]}`; errors answer `{"message": "..."}` with 400 or 404.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from integrations.sandbox import control_brevo, control_stripe, presets
from integrations.sandbox.brevo_api import contacts
from integrations.sandbox.faults import InvalidFault
from integrations.sandbox.refusals import Refused
from integrations.sandbox.replies import json_reply
from integrations.sandbox.stripe_api.call import rendered
from integrations.sandbox.stripe_api.errors import StripeError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Endpoint = Callable[..., Any]
LISTED = 10_000


def handle(sandbox: Sandbox, request: Request) -> Response:
    try:
        endpoint, arguments = URLS.bind("sandbox").match(request.path, method=request.method)
        with sandbox.store.transaction():
            return json_reply(endpoint(sandbox, request, **arguments))
    except (InvalidFault, Refused) as error:
        return json_reply({"message": str(error)}, getattr(error, "status", 400))
    except StripeError as error:
        return json_reply({"message": str(error)}, error.status)
    except HTTPException as error:
        return json_reply({"message": error.description}, error.code or 500)


def body(request: Request) -> dict[str, Any]:
    document = request.get_json(silent=True, force=True) if request.get_data() else {}
    if not isinstance(document, dict):
        raise Refused("The body must be a JSON object.")
    return document


def health(sandbox: Sandbox, _: Request) -> Any:
    return {"status": "ok", "webhooks_idle": sandbox.webhooks.idle(), "faults": len(sandbox.faults.rules())}


def faults(sandbox: Sandbox, _: Request) -> Any:
    return {"data": sandbox.faults.rules()}


def put_faults(sandbox: Sandbox, request: Request) -> Any:
    rules = request.get_json(silent=True, force=True)
    if isinstance(rules, dict):
        rules = rules.get("faults", rules.get("data", [rules] if "kind" in rules else None))
    if not isinstance(rules, list):
        raise InvalidFault('Send a JSON list of fault rules, or {"faults": [...]}.')
    sandbox.faults.replace(rules)
    return faults(sandbox, request)


def add_fault(sandbox: Sandbox, request: Request) -> Any:
    sandbox.faults.replace([*sandbox.faults.rules(), body(request)])
    return faults(sandbox, request)


def clear_faults(sandbox: Sandbox, _: Request) -> Any:
    sandbox.faults.replace([])
    return {"data": []}


def preset(sandbox: Sandbox, request: Request, name: str) -> Any:
    """Add a preset to the active rules, or remove it if it is active."""
    if name not in presets.PRESETS:
        raise Refused(f"There is no preset {name}.", status=404)
    sandbox.faults.replace(presets.toggled(sandbox.faults.rules(), name))
    return faults(sandbox, request)


def requests(sandbox: Sandbox, request: Request) -> Any:
    return {"data": sandbox.journal.entries(provider=request.args.get("provider"), path=request.args.get("path"))}


def clear_requests(sandbox: Sandbox, _: Request) -> Any:
    sandbox.journal.clear()
    return {"data": []}


def mails(sandbox: Sandbox, request: Request) -> Any:
    return _messages(sandbox, "brevo.email", request.args.get("to"))


def texts(sandbox: Sandbox, request: Request) -> Any:
    return _messages(sandbox, "brevo.sms", (request.args.get("to") or "").lstrip("+ ") or None)


def _messages(sandbox: Sandbox, kind: str, to: str | None) -> Any:
    filters = {"to": to.lower()} if to else {}
    documents, _more = sandbox.store.page(kind, filters=filters, limit=LISTED)
    return {"data": documents}


def listed_contacts(sandbox: Sandbox, _: Request) -> Any:
    documents, _more = sandbox.store.page("brevo.contact", limit=LISTED)
    return {"data": [contacts.shown(contact) for contact in documents]}


def end_users(sandbox: Sandbox, _: Request) -> Any:
    documents, _more = sandbox.store.page("dixa.enduser", limit=LISTED)
    return {"data": documents}


def payment_intents(sandbox: Sandbox, request: Request) -> Any:
    filters = {"customer": request.args["customer"]} if "customer" in request.args else {}
    documents, _ = sandbox.store.page("payment_intent", filters=filters, limit=LISTED)
    return {"data": [rendered(document) for document in documents]}


def deliveries(sandbox: Sandbox, request: Request) -> Any:
    return {"data": sandbox.webhooks.listing(state=request.args.get("state"), provider=request.args.get("provider"))}


def redeliver(sandbox: Sandbox, _: Request, id: int) -> Any:
    if not sandbox.webhooks.redeliver(id):
        raise Refused(f"There is no delivery {id}.", status=404)
    return {"id": id, "state": "pending"}


def settings(sandbox: Sandbox, _: Request) -> Any:
    return {
        "brevo.contacts_per_second": sandbox.brevo_contacts.per_second,
        "dixa.requests_per_second": sandbox.dixa_calls.per_second,
        "dixa.burst": sandbox.dixa_calls.burst - (sandbox.dixa_calls.per_second or 0),
        "brevo.credits": sandbox.store.setting("brevo.credits"),
        "brevo.attributes": sorted(contacts.known_attributes(sandbox)),
        "stripe.webhook_url": sandbox.webhooks.urls["stripe"],
        "brevo.webhook_url": sandbox.webhooks.urls["brevo"],
    }


def change_settings(sandbox: Sandbox, request: Request) -> Any:
    """Change settings until the next restart. A rate of null or 0 switches a limit off."""
    wanted = body(request)
    known = set(settings(sandbox, request))
    if unknown := set(wanted) - known:
        raise Refused(f"Unknown setting {sorted(unknown)[0]}; known: {', '.join(sorted(known))}.")
    for name in ("brevo.contacts_per_second", "dixa.requests_per_second", "dixa.burst", "brevo.credits"):
        value = wanted.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise Refused(f"{name} must be a number, or null.")
    if "brevo.contacts_per_second" in wanted:
        rate = wanted["brevo.contacts_per_second"] or None
        sandbox.brevo_contacts.configure(per_second=rate, burst=rate or 10)
    if wanted.keys() & {"dixa.requests_per_second", "dixa.burst"}:
        rate = wanted.get("dixa.requests_per_second", sandbox.dixa_calls.per_second) or None
        burst = wanted.get("dixa.burst", sandbox.config.dixa_burst)
        sandbox.dixa_calls.configure(per_second=rate, burst=(rate or 10) + burst)
    for provider in ("stripe", "brevo"):
        if f"{provider}.webhook_url" in wanted:
            sandbox.webhooks.urls[provider] = str(wanted[f"{provider}.webhook_url"] or "")
    for name in ("brevo.credits", "brevo.attributes"):
        if name in wanted:
            sandbox.store.set_setting(name, wanted[name])
    return settings(sandbox, request)


def clock(sandbox: Sandbox, request: Request) -> Any:
    """Move the clock forward, for idempotency keys, event retention and new objects."""
    seconds = body(request).get("advance_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise Refused("advance_seconds must be a number and not negative.")
    sandbox.clock.offset += seconds
    return {"now": sandbox.clock(), "offset_seconds": sandbox.clock.offset}


def reset(sandbox: Sandbox, _: Request) -> Any:
    sandbox.reset()
    return {"status": "ok"}


def _rule(method: str, url: str, endpoint: Endpoint) -> Rule:
    return Rule(f"/sandbox{url}", methods=[method], endpoint=endpoint)


URLS = Map(
    [
        _rule("GET", "/health", health),
        _rule("GET", "/faults", faults),
        _rule("PUT", "/faults", put_faults),
        _rule("POST", "/faults", add_fault),
        _rule("DELETE", "/faults", clear_faults),
        _rule("POST", "/faults/presets/<name>", preset),
        _rule("GET", "/requests", requests),
        _rule("DELETE", "/requests", clear_requests),
        _rule("GET", "/mails", mails),
        _rule("GET", "/sms", texts),
        _rule("GET", "/contacts", listed_contacts),
        _rule("GET", "/endusers", end_users),
        _rule("GET", "/deliveries", deliveries),
        _rule("POST", "/deliveries/<int:id>/redeliver", redeliver),
        _rule("GET", "/config", settings),
        _rule("PATCH", "/config", change_settings),
        _rule("POST", "/clock", clock),
        _rule("POST", "/reset", reset),
        _rule("GET", "/stripe/payment_intents", payment_intents),
        _rule("POST", "/stripe/payment_intents/<id>/authenticate", control_stripe.authenticate_payment),
        _rule("POST", "/stripe/setup_intents/<id>/authenticate", control_stripe.authenticate_setup),
        _rule("POST", "/stripe/disputes", control_stripe.open_dispute),
        _rule("POST", "/stripe/disputes/<id>/<phase>", control_stripe.move_dispute),
        _rule("POST", "/stripe/refunds/<id>/<outcome>", control_stripe.settle_refund),
        _rule("POST", "/stripe/early_fraud_warnings", control_stripe.warn_of_fraud),
        _rule("POST", "/stripe/payment_methods/<id>/automatically_update", control_stripe.replace_card),
        _rule("POST", "/stripe/events/<id>/redeliver", control_stripe.redeliver_event),
        _rule("POST", "/brevo/mails/events", control_brevo.mail_event),
        _rule("POST", "/brevo/sms/events", control_brevo.sms_event),
        _rule("POST", "/brevo/marketing/events", control_brevo.marketing_event),
    ]
)
