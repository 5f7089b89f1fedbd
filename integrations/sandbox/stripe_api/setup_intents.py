"""SetupIntents: saving a card for later without charging it."""

from __future__ import annotations

from integrations.sandbox.stripe_api import cards, confirmation
from integrations.sandbox.stripe_api.call import INTERNAL, Call, Document, new_id, rendered
from integrations.sandbox.stripe_api.errors import StripeError, missing_object
from integrations.sandbox.stripe_api.forms import (
    PAGING,
    Form,
    Kind,
    anything,
    boolean,
    fields,
    mapping,
    merged_metadata,
    metadata,
    moment,
    one_of,
    required_text,
    strings,
    text,
)
from integrations.sandbox.stripe_api.payment_intents import CONFIRMATION
from integrations.sandbox.stripe_api.payment_methods import attach_to_customer, card_error, last_error

CONFIRM_KINDS: dict[str, Kind] = {
    "allowed_payment_method_types": strings,
    "confirmation_token": text,
    "mandate_data": mapping,
    "payment_method": required_text,
    "payment_method_data": mapping,
    "payment_method_options": mapping,
    "return_url": text,
    "use_stripe_sdk": boolean,
}
WRITABLE: dict[str, Kind] = {
    "attach_to_self": boolean,
    "customer": required_text,
    "customer_account": text,
    "description": text,
    "excluded_payment_method_types": strings,
    "flow_directions": anything,
    "metadata": metadata,
    "payment_method_configuration": text,
    "payment_method_types": CONFIRMATION["payment_method_types"],
}
CREATE = Form(
    {
        **WRITABLE,
        **CONFIRM_KINDS,
        "automatic_payment_methods": fields(enabled=boolean, allow_redirects=one_of("always", "never")),
        "confirm": boolean,
        "on_behalf_of": text,
        "single_use": anything,
        "usage": one_of("off_session", "on_session"),
    }
)
UPDATE = Form({**WRITABLE, "payment_method": required_text, "payment_method_data": mapping,
               "allowed_payment_method_types": strings, "payment_method_options": mapping})  # fmt: skip
CONFIRM = Form(CONFIRM_KINDS)
CANCEL = Form({"cancellation_reason": one_of("abandoned", "requested_by_customer", "duplicate")})
LIST = Form({**PAGING, "customer": required_text, "customer_account": text, "payment_method": required_text,
             "attach_to_self": boolean, "created": moment})  # fmt: skip
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(call: Call) -> Document:
    params, id = call.params, new_id("seti")
    if "customer" in params and call.get("customer", params["customer"], param="customer").get("deleted"):
        raise missing_object("customer", params["customer"], param="customer")
    automatic = params.get("automatic_payment_methods")
    if automatic is None and "allowed_payment_method_types" not in params:
        automatic = {"allow_redirects": "always", "enabled": True}
    intent: Document = {
        "id": id,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": automatic,
        "cancellation_reason": None,
        "client_secret": f"{id}_secret_{new_id('x')[2:]}",
        "created": call.now,
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("allowed_payment_method_types") or ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
    confirm = params.get("confirm", False)
    if "payment_method" in params:
        confirmation.check_payment_method(call, intent, params["payment_method"])
    elif confirm:
        raise _missing_payment_method()
    confirmation.check_return_url(call, intent, confirm=confirm)
    if "payment_method" in params:
        confirmation.set_payment_method(call, intent, params["payment_method"])
    call.save(intent)
    call.emit("setup_intent.created", intent)
    return _confirm(call, intent) if confirm else intent


def retrieve(call: Call, id: str) -> Document:
    return call.get("setup_intent", id, param="intent")


def update(call: Call, id: str) -> Document:
    intent, params = _open(call, id, "update"), call.params
    for name in ("description", "customer"):
        if name in params:
            intent[name] = params[name]
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    if "payment_method" in params:
        confirmation.check_payment_method(call, intent, params["payment_method"])
        confirmation.set_payment_method(call, intent, params["payment_method"])
    return call.save(intent)


def confirm(call: Call, id: str) -> Document:
    intent, params = _open(call, id, "confirm"), call.params
    chosen = params.get("payment_method") or intent["payment_method"]
    if chosen is None:
        raise _missing_payment_method()
    confirmation.check_payment_method(call, intent, chosen)
    confirmation.check_return_url(call, intent, confirm=True)
    if "payment_method" in params:
        confirmation.set_payment_method(call, intent, chosen)
    return _confirm(call, intent)


def _confirm(call: Call, intent: Document) -> Document:
    method = call.get("payment_method", intent["payment_method"])
    card = cards.by_name(method[INTERNAL]["card"])
    intent["latest_attempt"] = new_id("setatt")
    if card.attach is not None:
        raise _record_decline(call, intent, method, card.attach)
    if card.sca in ("always", "unless_set_up") and not method[INTERNAL]["set_up"]:
        intent["status"] = "requires_action"
        intent["next_action"] = confirmation.next_action(
            call, url=f"https://hooks.stripe.com/3d_secure_2/hosted?setup_intent={intent['id']}"
        )
        call.save(intent)
        call.emit("setup_intent.requires_action", intent)
        return intent
    return _succeed(call, intent, method)


def authenticate(call: Call, intent: Document, *, success: bool) -> Document:
    """Do what the customer's browser does with `next_action`."""
    method = call.get("payment_method", intent["payment_method"])
    if success:
        return _succeed(call, intent, method)
    _record_decline(call, intent, method, SETUP_AUTHENTICATION_FAILED)
    return intent


SETUP_AUTHENTICATION_FAILED = cards.Decline(
    None,
    "The latest attempt to set up the payment method has failed because authentication failed.",
    code="setup_intent_authentication_failure",
    advice_code=None,
)


def _succeed(call: Call, intent: Document, method: Document) -> Document:
    method[INTERNAL]["set_up"] = intent["usage"] == "off_session"
    if intent["customer"] and method["customer"] is None:
        attach_to_customer(call, method, intent["customer"])
    else:
        call.save(method)
    intent |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    call.save(intent)
    call.emit("setup_intent.succeeded", intent)
    return intent


def _record_decline(call: Call, intent: Document, method: Document, decline: cards.Decline) -> StripeError:
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_setup_error": last_error(decline, charge=None, method=rendered(method)),
    }
    call.save(intent)
    call.emit("setup_intent.setup_failed", intent)
    return card_error(decline, setup_intent=rendered(intent), payment_method=rendered(method))


def cancel(call: Call, id: str) -> Document:
    intent = _open(call, id, "cancel")
    intent |= {
        "status": "canceled",
        "cancellation_reason": call.params.get("cancellation_reason"),
        "next_action": None,
    }
    call.save(intent)
    call.emit("setup_intent.canceled", intent)
    return intent


def listing(call: Call) -> Document:
    return call.page("setup_intent", url="/v1/setup_intents", customer=call.params.get("customer"))


def _open(call: Call, id: str, verb: str) -> Document:
    intent = retrieve(call, id)
    if intent["status"] not in OPEN:
        raise StripeError(
            f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
            code="setup_intent_unexpected_state",
            began=True,
            setup_intent=rendered(intent),
        )
    return intent


def _missing_payment_method() -> StripeError:
    return StripeError(
        "You cannot confirm this SetupIntent because it's missing a payment method.",
        code="setup_intent_unexpected_state",
    )
