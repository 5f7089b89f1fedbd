"""PaymentIntents: create, update, cancel, list. The module `confirmation` confirms them."""

from __future__ import annotations

from typing import Any

from integrations.sandbox.stripe_api import amounts, confirmation
from integrations.sandbox.stripe_api.call import Call, Document, new_id, rendered
from integrations.sandbox.stripe_api.errors import StripeError, missing_object
from integrations.sandbox.stripe_api.forms import (
    PAGING,
    Form,
    Kind,
    anything,
    boolean,
    fields,
    integer,
    mapping,
    merged_metadata,
    metadata,
    moment,
    off_session,
    one_of,
    required_text,
    strings,
    text,
)


def _removed(name: str, _: Any) -> None:
    raise StripeError(
        "The parameter `payment_method_types` is no longer supported on PaymentIntents and SetupIntents. Use "
        "`allowed_payment_method_types` instead.",
        code="payment_method_types_no_longer_supported",
        param=name,
    )


def _lower(name: str, value: Any) -> str:
    return required_text(name, value).lower()


def suffix(name: str, value: Any) -> str | None:
    """`statement_descriptor_suffix`: at most 22 characters, at least one letter, none of < > \\ ' " *."""
    words = text(name, value)
    if words is not None and (len(words) > 22 or not any(c.isalpha() for c in words) or set(words) & set("<>\\'\"*")):
        raise StripeError(f"Invalid {name}: {words}", param=name)
    return words


DETAILS: dict[str, Kind] = {
    "amount_details": anything,
    "application_fee_amount": integer,
    "customer_account": text,
    "description": text,
    "excluded_payment_method_types": strings,
    "hooks": anything,
    "metadata": metadata,
    "payment_details": anything,
    "payment_method_configuration": text,
    "payment_method_data": mapping,
    "statement_descriptor": text,
    "statement_descriptor_suffix": suffix,
    "transfer_data": anything,
    "transfer_group": text,
}
CONFIRMATION: dict[str, Kind] = {
    "allowed_payment_method_types": strings,
    "capture_method": one_of("automatic", "automatic_async", "manual"),
    "payment_method": required_text,
    "payment_method_options": mapping,
    "payment_method_types": _removed,
    "receipt_email": text,
    "setup_future_usage": one_of("off_session", "on_session", ""),
    "shipping": anything,
}
ONLY_WITH_CONFIRM: dict[str, Kind] = {
    "confirmation_token": text,
    "error_on_requires_action": boolean,
    "mandate": text,
    "mandate_data": mapping,
    "off_session": off_session,
    "radar_options": mapping,
    "return_url": text,
    "use_stripe_sdk": boolean,
}
CREATE = Form(
    {
        **DETAILS,
        **CONFIRMATION,
        **ONLY_WITH_CONFIRM,
        "amount": integer,
        "automatic_payment_methods": fields(enabled=boolean, allow_redirects=one_of("always", "never")),
        "confirm": boolean,
        "confirmation_method": one_of("automatic", "manual"),
        "currency": _lower,
        "customer": required_text,
        "on_behalf_of": text,
    },
    required=("amount", "currency"),
)
UPDATE = Form({**DETAILS, **CONFIRMATION, "amount": integer, "currency": _lower, "customer": required_text})
CONFIRM = Form(
    {**CONFIRMATION, **ONLY_WITH_CONFIRM, "amount_details": anything, "amount_to_confirm": integer,
     "excluded_payment_method_types": strings, "hooks": anything, "payment_details": anything,
     "payment_method_data": mapping}
)  # fmt: skip
CANCEL = Form({"cancellation_reason": one_of("abandoned", "duplicate", "fraudulent", "requested_by_customer")})
LIST = Form({**PAGING, "customer": required_text, "customer_account": text, "created": moment})
UNSUPPORTED = (
    "confirmation_token",
    "payment_method_data",
    "transfer_data",
    "application_fee_amount",
    "on_behalf_of",
)
COPIED = ("description", "receipt_email", "setup_future_usage", "shipping", "statement_descriptor",
          "statement_descriptor_suffix", "transfer_group")  # fmt: skip
CANCELABLE = (
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
    "processing",
)


def create(call: Call) -> Document:
    params = call.params
    _reject_unsupported(params)
    amounts.check(params["amount"], params["currency"])
    confirm = params.get("confirm", False)
    if not confirm:
        for name in ("off_session", "error_on_requires_action", "mandate_data"):
            if name in params:
                raise StripeError(
                    f"The parameter `{name}` cannot be passed when creating a PaymentIntent unless "
                    "`confirm` is set to true.",
                    param=name,
                )
    _check_method_settings(params)
    intent = _new(call)
    if "payment_method" in params:
        confirmation.check_payment_method(call, intent, params["payment_method"])
    elif confirm:
        raise confirmation.missing_payment_method(intent)
    confirmation.check_return_url(call, intent, confirm=confirm)
    call.save(intent)
    call.emit("payment_intent.created", intent)
    if "payment_method" in params:
        confirmation.set_payment_method(call, intent, params["payment_method"])
    return confirmation.confirm(call, intent) if confirm else call.save(intent)


def _new(call: Call) -> Document:
    params, id = call.params, new_id("pi")
    if "customer" in params:
        _check_customer(call, params["customer"])
    automatic = params.get("automatic_payment_methods")
    if automatic is None and "allowed_payment_method_types" not in params:
        automatic = {"allow_redirects": "always", "enabled": True}
    return {
        "id": id,
        "object": "payment_intent",
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{id}_secret_{new_id('x')[2:]}",
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": call.now,
        "currency": params["currency"],
        "customer": params.get("customer"),
        "customer_account": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("allowed_payment_method_types") or ["card"],
        "processing": None,
        "review": None,
        "source": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        **{name: params.get(name) or None for name in COPIED},
    }


def retrieve(call: Call, id: str) -> Document:
    return call.get("payment_intent", id, param="intent")


def update(call: Call, id: str) -> Document:
    params: Document = call.params
    intent = retrieve(call, id)
    _reject_unsupported(params)
    frozen = set(params) - {"metadata", "description", "expand", "receipt_email", "shipping"}
    if intent["status"] in ("succeeded", "canceled", "processing", "requires_capture") and frozen:
        raise unexpected_state(
            intent,
            f"This PaymentIntent's {sorted(frozen)[0]} could not be updated because it has a status of "
            f"{intent['status']}. You may only update the {sorted(frozen)[0]} of a PaymentIntent with one "
            "of the following statuses: requires_payment_method, requires_confirmation, requires_action.",
        )
    _check_method_settings(params)
    after = intent | params
    amounts.check(after["amount"], after["currency"])
    if "customer" in params:
        _check_customer(call, params["customer"])
    for name in ("amount", "currency", "customer", "capture_method", *COPIED):
        if name in params:
            intent[name] = params[name] or None
    if "metadata" in params:
        intent["metadata"] = merged_metadata(intent["metadata"], params["metadata"])
    if "allowed_payment_method_types" in params:
        intent["payment_method_types"] = params["allowed_payment_method_types"]
        intent["automatic_payment_methods"] = None
    if "payment_method" in params:
        confirmation.check_payment_method(call, intent, params["payment_method"])
        confirmation.set_payment_method(call, intent, params["payment_method"])
    return call.save(intent)


def confirm(call: Call, id: str) -> Document:
    intent, params = retrieve(call, id), call.params
    _reject_unsupported(params)
    _check_method_settings(params)
    return confirmation.confirm_existing(call, intent)


def cancel(call: Call, id: str) -> Document:
    intent = retrieve(call, id)
    if intent["status"] not in CANCELABLE:
        raise unexpected_state(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
        )
    intent |= {
        "status": "canceled",
        "canceled_at": call.now,
        "cancellation_reason": call.params.get("cancellation_reason"),
        "next_action": None,
    }
    call.save(intent)
    call.emit("payment_intent.canceled", intent)
    return intent


def listing(call: Call) -> Document:
    return call.page("payment_intent", url="/v1/payment_intents", customer=call.params.get("customer"))


def unexpected_state(intent: Document, message: str) -> StripeError:
    return StripeError(message, code="payment_intent_unexpected_state", began=True, payment_intent=rendered(intent))


def _check_customer(call: Call, id: str) -> None:
    if call.get("customer", id, param="customer").get("deleted"):
        raise missing_object("customer", id, param="customer")


def _check_method_settings(params: Document) -> None:
    if "allowed_payment_method_types" in params:
        for other in (
            "automatic_payment_methods",
            "excluded_payment_method_types",
            "payment_method_configuration",
        ):
            if other in params:
                raise StripeError(
                    f"You may only specify one of these parameters: allowed_payment_method_types, {other}.",
                    param=other,
                )
    if params.get("statement_descriptor"):
        raise StripeError(
            "The `statement_descriptor` parameter is not supported for the payment method type `card`. Use "
            "`statement_descriptor_suffix` instead.",
            param="statement_descriptor",
        )


def _reject_unsupported(params: Document) -> None:
    for name in UNSUPPORTED:
        if name in params:
            raise StripeError(f"The sandbox does not support `{name}`.", param=name)
    if params.get("capture_method") == "manual":
        raise StripeError("The sandbox does not support manual capture.", param="capture_method")
