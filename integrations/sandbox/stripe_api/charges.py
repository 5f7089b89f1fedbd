"""Charges: one for each payment attempt. Clients can only read them."""

from __future__ import annotations

from integrations.sandbox.stripe_api import cards
from integrations.sandbox.stripe_api.call import INTERNAL, Call, Document, new_id
from integrations.sandbox.stripe_api.forms import PAGING, Form, moment, required_text, text

LIST = Form({**PAGING, "customer": required_text, "payment_intent": required_text, "created": moment,
             "transfer_group": text})  # fmt: skip


def retrieve(call: Call, id: str) -> Document:
    return call.get("charge", id)


def listing(call: Call) -> Document:
    params = call.params
    return call.page(
        "charge",
        url="/v1/charges",
        customer=params.get("customer"),
        payment_intent=params.get("payment_intent"),
    )


def record(call: Call, intent: Document, method: Document, *, decline: cards.Decline | None) -> Document:
    """Record one payment attempt, succeeded or declined."""
    charge: Document = {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0 if decline else intent["amount"],
        "amount_refunded": 0,
        "balance_transaction": None if decline else new_id("txn"),
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "captured": decline is None,
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": decline is None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {
            "card": {name: method["card"][name] for name in
                     ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")},
            "type": "card",
        },
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "statement_descriptor": None,
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "failed" if decline else "succeeded",
        "transfer_group": None,
        INTERNAL: {"card": method[INTERNAL]["card"]},
    }  # fmt: skip
    call.save(charge)
    call.emit("charge.failed" if decline else "charge.succeeded", charge)
    return charge


def _outcome(decline: cards.Decline | None) -> Document:
    if decline is None:
        return {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "risk_score": 20,
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        "advice_code": decline.advice_code,
        "network_advice_code": decline.network_advice_code,
        "network_decline_code": decline.network_decline_code,
        "network_status": "declined_by_network",
        "reason": decline.decline_code,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
