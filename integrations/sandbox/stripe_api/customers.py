"""Customers."""

from __future__ import annotations

from integrations.sandbox.stripe_api import payment_methods
from integrations.sandbox.stripe_api.call import Call, Document, new_id
from integrations.sandbox.stripe_api.errors import missing_object
from integrations.sandbox.stripe_api.forms import (
    PAGING,
    Form,
    anything,
    fields,
    integer,
    mapping,
    merged_metadata,
    metadata,
    moment,
    one_of,
    required_text,
    strings,
    text,
)

WRITABLE = {
    "address": anything,
    "balance": integer,
    "business_name": text,
    "cash_balance": mapping,
    "description": text,
    "email": text,
    "individual_name": text,
    "invoice_prefix": text,
    "invoice_settings": fields(
        default_payment_method=text, custom_fields=anything, footer=text, rendering_options=anything
    ),
    "metadata": metadata,
    "name": text,
    "next_invoice_sequence": integer,
    "phone": text,
    "preferred_locales": strings,
    "shipping": anything,
    "source": text,
    "tax": mapping,
    "tax_exempt": one_of("none", "exempt", "reverse"),
    "validate": anything,
}
CREATE = Form({**WRITABLE, "payment_method": required_text, "tax_id_data": anything, "test_clock": text})
UPDATE = Form({**WRITABLE, "default_source": text})
LIST = Form({**PAGING, "email": required_text, "created": moment, "test_clock": text})
RETURNED_FIELDS = ("address", "business_name", "description", "email", "individual_name", "name", "phone", "shipping")


def create(call: Call) -> Document:
    params = call.params
    customer: Document = {
        "id": new_id("cus"),
        "object": "customer",
        **{name: params.get(name) for name in RETURNED_FIELDS},
        "balance": params.get("balance", 0),
        "created": call.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "invoice_prefix": params.get("invoice_prefix") or new_id("x")[-8:].upper(),
        "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None,
                             "rendering_options": None},
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata", {})),
        "next_invoice_sequence": 1,
        "preferred_locales": params.get("preferred_locales", []),
        "tax_exempt": params.get("tax_exempt", "none"),
        "test_clock": None,
    }  # fmt: skip
    _set_default(call, customer, after=params.get("payment_method"))
    with call.sandbox.store.savepoint():  # If the card declines on attach, no customer is created.
        call.save(customer)
        call.emit("customer.created", customer)
        if "payment_method" in params:
            call.params = {"customer": customer["id"]}
            payment_methods.attach(call, params["payment_method"])
            call.params = params
    return customer


def retrieve(call: Call, id: str) -> Document:
    return call.get("customer", id)


def update(call: Call, id: str) -> Document:
    customer = _living(call, id)
    before = dict(customer)
    params = call.params
    for name in (
        *RETURNED_FIELDS,
        "balance",
        "invoice_prefix",
        "next_invoice_sequence",
        "preferred_locales",
        "tax_exempt",
    ):
        if name in params:
            customer[name] = params[name]
    if "metadata" in params:
        customer["metadata"] = merged_metadata(customer["metadata"], params["metadata"])
    _set_default(call, customer)
    previous = {name: before[name] for name in before if before[name] != customer[name]}
    call.save(customer)
    if previous:
        call.emit("customer.updated", customer, previous=previous)
    return customer


def delete(call: Call, id: str) -> Document:
    """The customer now reads `deleted: true`. Its cards keep its id, as at Stripe."""
    customer = _living(call, id)
    call.emit("customer.deleted", customer)
    gone = {"id": id, "object": "customer", "deleted": True}
    call.sandbox.store.put("customer", gone, created=customer["created"], refs={})
    return gone


def listing(call: Call) -> Document:
    return call.page("customer", url="/v1/customers", email=call.params.get("email"), living="true")


def _living(call: Call, id: str) -> Document:
    customer = call.get("customer", id)
    if customer.get("deleted"):
        raise missing_object("customer", id)
    return customer


def _set_default(call: Call, customer: Document, *, after: str | None = None) -> None:
    """Apply `invoice_settings`; the default card must be attached to the customer, or be attached right `after`."""
    wanted = call.params.get("invoice_settings", {})
    default = wanted.get("default_payment_method")
    if default and default != after:
        method = call.get("payment_method", default, param="invoice_settings[default_payment_method]")
        if method["customer"] != customer["id"]:
            raise missing_object("PaymentMethod", default, param="invoice_settings[default_payment_method]")
    customer["invoice_settings"] = {**customer["invoice_settings"], **wanted}
