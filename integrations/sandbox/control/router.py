"""The URLs of the control API, and its responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from integrations.sandbox.control import brevo, dixa, faults, records, settings, stripe
from integrations.sandbox.control.bodies import json_body
from integrations.sandbox.control.errors import ControlError
from integrations.sandbox.faults import InvalidFault
from integrations.sandbox.responses import json_response
from integrations.sandbox.stripe_api.errors import StripeError

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Endpoint = Callable[..., Any]


def handle(sandbox: Sandbox, request: Request) -> Response:
    """EncodedResponse one request to the control API."""
    try:
        endpoint, arguments = URLS.bind("sandbox").match(request.path, method=request.method)
        with sandbox.store.transaction():
            return json_response(endpoint(sandbox, request, **arguments))
    except InvalidFault as error:
        return json_response({"message": str(error)}, 400)
    except (ControlError, StripeError) as error:
        return json_response({"message": str(error)}, error.status)
    except HTTPException as error:
        return json_response({"message": error.description}, error.code or 500)


def _health(sandbox: Sandbox, _: Request) -> Any:
    return {"status": "ok", "webhooks_idle": sandbox.webhooks.idle(), "faults": len(sandbox.faults.rules())}


def _clock(sandbox: Sandbox, request: Request) -> Any:
    """Move the clock forward, for idempotency keys, event retention and new objects."""
    seconds = json_body(request).get("advance_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise ControlError("advance_seconds must be a number and not negative.")
    sandbox.clock.advance(seconds=seconds)
    return {"now": sandbox.clock(), "offset_seconds": sandbox.clock.offset}


def _reset(sandbox: Sandbox, _: Request) -> Any:
    sandbox.reset()
    return {"status": "ok"}


def _rule(method: str, url: str, endpoint: Endpoint) -> Rule:
    return Rule(f"/sandbox{url}", methods=[method], endpoint=endpoint)


URLS = Map(
    [
        _rule("GET", "/health", _health),
        _rule("GET", "/faults", faults.listing),
        _rule("PUT", "/faults", faults.replace),
        _rule("POST", "/faults", faults.add),
        _rule("DELETE", "/faults", faults.clear),
        _rule("POST", "/faults/presets/<name>", faults.toggle_preset),
        _rule("GET", "/requests", records.requests),
        _rule("DELETE", "/requests", records.clear_requests),
        _rule("GET", "/mails", records.mails),
        _rule("GET", "/sms", records.sms),
        _rule("GET", "/contacts", records.contacts),
        _rule("GET", "/endusers", records.end_users),
        _rule("GET", "/deliveries", records.deliveries),
        _rule("POST", "/deliveries/<int:id>/redeliver", records.redeliver),
        _rule("GET", "/config", settings.read),
        _rule("PATCH", "/config", settings.change),
        _rule("POST", "/clock", _clock),
        _rule("POST", "/reset", _reset),
        _rule("GET", "/stripe/payment_intents", records.payment_intents),
        _rule("POST", "/stripe/payment_intents/<id>/authenticate", stripe.authenticate_payment),
        _rule("POST", "/stripe/setup_intents/<id>/authenticate", stripe.authenticate_setup),
        _rule("POST", "/stripe/disputes", stripe.open_dispute),
        _rule("POST", "/stripe/disputes/<id>/<phase>", stripe.move_dispute),
        _rule("POST", "/stripe/refunds/<id>/<outcome>", stripe.settle_refund),
        _rule("POST", "/stripe/early_fraud_warnings", stripe.create_early_fraud_warning),
        _rule("POST", "/stripe/payment_methods/<id>/automatically_update", stripe.update_payment_method),
        _rule("POST", "/stripe/events/<id>/redeliver", stripe.redeliver_event),
        _rule("POST", "/dixa/endusers/<id>/conversation", dixa.conversation),
        _rule("POST", "/brevo/mails/events", brevo.mail_event),
        _rule("POST", "/brevo/sms/events", brevo.sms_event),
        _rule("POST", "/brevo/marketing/events", brevo.marketing_event),
    ]
)
