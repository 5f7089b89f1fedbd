"""PaymentMethods: created from test tokens, attached to customers, detached permanently."""

from __future__ import annotations

import hashlib
from typing import Any

from integrations.sandbox.stripe_api import cards
from integrations.sandbox.stripe_api.call import INTERNAL, Call, Document, new_id
from integrations.sandbox.stripe_api.errors import StripeError, doc_url, missing_object, missing_parameter
from integrations.sandbox.stripe_api.forms import (
    PAGING,
    Form,
    anything,
    fields,
    integer,
    mapping,
    merged_metadata,
    metadata,
    one_of,
    required_text,
    text,
)

BILLING = {"address": mapping, "email": text, "name": text, "phone": text, "tax_id": text}
CARD = {"token": required_text, "number": text, "exp_month": integer, "exp_year": integer, "cvc": text,
        "networks": mapping}  # fmt: skip
CREATE = Form(
    {
        "type": one_of("card"),
        "card": fields(**CARD),
        "billing_details": fields(**BILLING),
        "metadata": metadata,
        "allow_redisplay": one_of("always", "limited", "unspecified"),
    },
    required=("type",),
)
UPDATE = Form(
    {
        "card": fields(exp_month=integer, exp_year=integer, networks=mapping),
        "billing_details": fields(**BILLING),
        "metadata": metadata,
        "allow_redisplay": one_of("always", "limited", "unspecified"),
    }
)
ATTACH = Form({"customer": required_text, "customer_account": text}, required=("customer",))
DETACH = Form()
LIST = Form({**PAGING, "customer": required_text, "customer_account": text, "type": required_text,
             "allow_redisplay": anything})  # fmt: skip
LIST_OF_CUSTOMER = Form({**PAGING, "type": required_text, "allow_redisplay": anything})
UNUSABLE = (
    "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
    "Customer, and may not be used again."
)


def create(call: Call) -> Document:
    wanted = call.params.get("card") or {}
    if "number" in wanted:
        raise StripeError(
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you "
            "use test tokens that map to the test card you are using, see https://docs.stripe.com/testing.",
            status=402,
        )
    if "token" not in wanted:
        raise missing_parameter("card")
    found = cards.by_alias(wanted["token"]) if wanted["token"].startswith("tok_") else None
    if found is None:
        raise missing_object("token", wanted["token"], param="card[token]")
    method = build(call, found[0], metadata=merged_metadata({}, call.params.get("metadata", {})))
    method["billing_details"] |= call.params.get("billing_details", {})
    return call.save(method)


def build(call: Call, card_name: str, *, metadata: dict[str, str] | None = None) -> Document:
    """A new, unsaved PaymentMethod for a test card."""
    card = cards.by_name(card_name)
    fingerprint = hashlib.sha256(f"{card.brand}{card.last4}".encode()).hexdigest()[:16]
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code",
        "state")),
                            "email": None, "name": None, "phone": None, "tax_id": None},
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None,
            "cvc_check": "unchecked"}, "country": "US",
            "display_brand": card.brand,
            "exp_month": 11,
            "exp_year": 2031,
            "fingerprint": fingerprint,
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": call.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": metadata or {},
        "type": "card",
        INTERNAL: {"card": card_name, "set_up": False, "unusable": False},
    }  # fmt: skip


def retrieve(call: Call, id: str) -> Document:
    if found := cards.by_alias(id):
        return build(call, found[0])
    return call.get("payment_method", id, param="payment_method")


def update(call: Call, id: str) -> Document:
    method = call.get("payment_method", id, param="payment_method")
    if method["customer"] is None:
        raise StripeError("You must save this PaymentMethod to a customer before you can update it.", began=True)
    before = {name: method[name] for name in ("card", "billing_details", "metadata")}
    params = call.params
    method["card"] = {**method["card"], **params.get("card", {})}
    method["billing_details"] = {**method["billing_details"], **params.get("billing_details", {})}
    if "metadata" in params:
        method["metadata"] = merged_metadata(method["metadata"], params["metadata"])
    call.save(method)
    call.emit(
        "payment_method.updated",
        method,
        previous={name: value for name, value in before.items() if value != method[name]},
    )
    return method


def attach(call: Call, id: str) -> Document:
    method = get_or_build(call, id, param="payment_method")
    customer = call.get("customer", call.params["customer"], param="customer")
    if customer.get("deleted"):
        raise missing_object("customer", customer["id"], param="customer")
    if method["customer"] == customer["id"]:
        return method
    if method["customer"]:
        raise StripeError("The payment method you provided has already been attached to a customer.", began=True)
    if method[INTERNAL]["unusable"]:
        raise StripeError(UNUSABLE, began=True)
    decline = cards.by_name(method[INTERNAL]["card"]).attach
    if decline is not None:
        raise card_error(decline)
    return attach_to_customer(call, method, customer["id"])


def attach_to_customer(call: Call, method: Document, customer_id: str) -> Document:
    """Attach the card to the customer and emit the event."""
    method["customer"] = customer_id
    call.save(method)
    call.emit("payment_method.attached", method)
    return method


def detach(call: Call, id: str) -> Document:
    method = call.get("payment_method", id, param="payment_method")
    if method["customer"] is None:
        raise StripeError(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            began=True,
        )
    previous = {"customer": method["customer"]}
    method["customer"] = None
    method[INTERNAL]["unusable"] = True
    call.save(method)
    call.emit("payment_method.detached", method, previous=previous)
    return method


def listing(call: Call) -> Document:
    customer = call.params.get("customer")
    if customer is None:  # Stripe lists nothing without a customer.
        return {"object": "list", "url": "/v1/payment_methods", "has_more": False, "data": []}
    call.get("customer", customer, param="customer")
    return call.page("payment_method", url="/v1/payment_methods", customer=customer)


def listing_of_customer(call: Call, id: str) -> Document:
    call.get("customer", id, param="customer")
    return call.page("payment_method", url=f"/v1/customers/{id}/payment_methods", customer=id)


def retrieve_of_customer(call: Call, id: str, method_id: str) -> Document:
    method = call.get("payment_method", method_id, param="payment_method")
    if method["customer"] != id:
        raise missing_object("PaymentMethod", method_id, param="customer")
    return method


def get_or_build(call: Call, id: str, *, param: str) -> Document:
    """An existing PaymentMethod, or a new one for the test card that the alias names."""
    if id.startswith("pm_card_"):
        found = cards.by_alias(id)
        if found is None:
            raise missing_object("PaymentMethod", id, param=param)
        return call.save(build(call, found[0]))
    return call.get("payment_method", id, param=param)


def card_error(decline: cards.Decline, *, began: bool = True, **more: Any) -> StripeError:
    """A 402 error with the decline codes."""
    return StripeError(
        decline.message,
        status=402,
        type="card_error",
        code=decline.code,
        param=decline.param,
        began=began,
        decline_code=decline.decline_code,
        advice_code=decline.advice_code,
        network_advice_code=decline.network_advice_code,
        network_decline_code=decline.network_decline_code,
        **more,
    )


def last_error(decline: cards.Decline, *, charge: str | None, method: Document) -> Document:
    """The same error, as `last_payment_error` of an intent."""
    body = {
        "advice_code": decline.advice_code,
        "charge": charge,
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": doc_url(decline.code),
        "message": decline.message,
        "network_advice_code": decline.network_advice_code,
        "network_decline_code": decline.network_decline_code,
        "param": decline.param,
        "payment_method": method,
        "type": "card_error",
    }
    return {name: value for name, value in body.items() if value is not None}
