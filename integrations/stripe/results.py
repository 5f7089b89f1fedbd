"""The fields of Stripe's objects that this project uses. They never include a ``client_secret``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CHARGEBACK_STATES = frozenset(
    {"needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "won", "lost"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Why a bank declined a card. A field is empty if Stripe gives no such code. See docs.stripe.com/declines/codes."""

    code: str = ""
    decline_code: str = ""
    advice_code: str = ""
    network_advice_code: str = ""
    network_decline_code: str = ""
    stripe_charge_id: str = ""

    @property
    def needs_authentication(self) -> bool:
        """Whether the customer has to authenticate, which is not a decline of the card."""
        return "authentication_required" in (self.code, self.decline_code) or (
            self.decline_code == "authentication_not_handled"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentIntent:
    """One payment. ``amount`` in minor units, ``currency`` upper case.

    ``decline`` is the intent's last error, which may be older than the last attempt. It is about the payment method
    ``declined_payment_method_id``.

    A setup intent has the same states. It is read as an intent of 0 without a currency. ``fingerprint`` is that of its
    card, if Stripe was asked to expand the payment method.
    """

    id: str
    status: str
    amount: int
    currency: str
    latest_charge_id: str = ""
    payment_method_id: str = ""
    decline: Decline | None = None
    declined_payment_method_id: str = ""
    fingerprint: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer at Stripe. Only the id is used."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethod:
    """A card. ``customer_id`` is empty while the card is not attached to a customer.

    ``fingerprint`` is the same for each payment method of one card number, within our account at Stripe.
    """

    id: str
    customer_id: str
    brand: str = ""
    last4: str = ""
    fingerprint: str = ""
    exp_month: int | None = None
    exp_year: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund. ``amount`` in minor units, ``currency`` upper case.

    ``reason`` and ``failure_reason`` are Stripe's values; empty if it gives none.
    """

    id: str
    status: str
    amount: int
    currency: str
    payment_intent_id: str = ""
    reason: str = ""
    failure_reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A disputed payment. ``amount`` in minor units, ``currency`` upper case; both may differ from the payment's
    (docs.stripe.com/api/disputes/object).

    ``is_inquiry``: the bank only asks. ``funds``: ``not_taken``, ``withdrawn`` or ``reinstated``. ``due_by``: the
    deadline for evidence; None if Stripe accepts none (any more).
    """

    id: str
    status: str
    reason: str
    amount: int
    currency: str
    charge_id: str
    payment_intent_id: str
    is_inquiry: bool
    funds: str
    due_by: dt.datetime | None
    created: dt.datetime


def payment_intent(source: Any) -> PaymentIntent:
    """Read an intent from an SDK object or from its plain JSON."""
    values = as_mapping(source)
    last_error = values.get("last_payment_error")
    return PaymentIntent(
        id=_id(values["id"]),
        status=str(values["status"]),
        amount=int(values["amount"]),
        currency=str(values["currency"]).upper(),
        latest_charge_id=_id(values.get("latest_charge")),
        payment_method_id=_id(values.get("payment_method")),
        decline=decline(last_error) if last_error else None,
        declined_payment_method_id=_id(as_mapping(last_error).get("payment_method")) if last_error else "",
        metadata=_metadata(values),
    )


def setup_intent(source: Any) -> PaymentIntent:
    """Read a setup intent from an SDK object or from its plain JSON."""
    values = as_mapping(source)
    last_error = values.get("last_setup_error")
    method = values.get("payment_method")
    return PaymentIntent(
        id=_id(values["id"]),
        status=str(values["status"]),
        amount=0,
        currency="",
        payment_method_id=_id(method),
        decline=decline(last_error) if last_error else None,
        declined_payment_method_id=_id(as_mapping(last_error).get("payment_method")) if last_error else "",
        fingerprint=payment_method(method).fingerprint if method and not isinstance(method, str) else "",
        metadata=_metadata(values),
    )


def customer(source: Any) -> Customer:
    """Read a customer."""
    return Customer(id=_id(as_mapping(source)["id"]))


def payment_method(source: Any) -> PaymentMethod:
    """Read a card."""
    values = as_mapping(source)
    card = as_mapping(values.get("card") or {})
    return PaymentMethod(
        id=_id(values["id"]),
        customer_id=_id(values.get("customer")),
        brand=str(card.get("brand") or ""),
        last4=str(card.get("last4") or ""),
        fingerprint=str(card.get("fingerprint") or ""),
        exp_month=card.get("exp_month"),
        exp_year=card.get("exp_year"),
    )


def refund(source: Any) -> Refund:
    """Read a refund."""
    values = as_mapping(source)
    return Refund(
        id=_id(values["id"]),
        status=str(values["status"]),
        amount=int(values["amount"]),
        currency=str(values["currency"]).upper(),
        payment_intent_id=_id(values.get("payment_intent")),
        reason=str(values.get("reason") or ""),
        failure_reason=str(values.get("failure_reason") or ""),
        metadata=_metadata(values),
    )


def decline(source: Any) -> Decline:
    """Read a card error, from a 402 or from an intent's ``last_payment_error``."""
    values = as_mapping(source)
    names = ("code", "decline_code", "advice_code", "network_advice_code", "network_decline_code")
    return Decline(**{name: str(values.get(name) or "") for name in names}, stripe_charge_id=_id(values.get("charge")))


def dispute(source: Any) -> Dispute:
    """Read a dispute. Unknown states and reasons are kept as they are."""
    values = as_mapping(source)
    status, funds = str(values["status"]), _funds(values.get("balance_transactions") or ())
    due_by = as_mapping(values.get("evidence_details") or {}).get("due_by")
    return Dispute(
        id=_id(values["id"]),
        status=status,
        reason=str(values.get("reason") or ""),
        amount=int(values["amount"]),
        currency=str(values["currency"]).upper(),
        charge_id=_id(values.get("charge")),
        payment_intent_id=_id(values.get("payment_intent")),
        is_inquiry=_is_inquiry(values, status=status, funds=funds),
        funds=funds,
        due_by=_moment(due_by) if due_by else None,
        created=_moment(values["created"]),
    )


def _is_inquiry(values: Mapping[str, Any], *, status: str, funds: str) -> bool:
    """Whether the bank only asks. The state decides. If it is ambiguous, the case type does, unless money was taken: an
    inquiry that becomes a chargeback keeps its id (docs.stripe.com/disputes/how-disputes-work)."""
    if status.startswith("warning_"):
        return True
    details = as_mapping(values.get("payment_method_details") or {})
    asked = as_mapping(details.get("card") or {}).get("case_type") == "inquiry"
    return asked and status not in CHARGEBACK_STATES and funds == "not_taken"


def _funds(transactions: Sequence[Any]) -> str:
    """Count the transactions instead of adding amounts: two exchange rates would leave a difference."""
    balance = sum(map(_direction, map(as_mapping, transactions)))
    return "withdrawn" if balance < 0 else "reinstated" if transactions else "not_taken"


def _direction(transaction: Mapping[str, Any]) -> int:
    match transaction.get("reporting_category"):
        case "dispute":
            return -1
        case "dispute_reversal":
            return 1
    amount = int(transaction["amount"])
    return (amount > 0) - (amount < 0)


def _moment(seconds: Any) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(seconds), tz=dt.UTC)


def as_mapping(source: Any) -> Mapping[str, Any]:
    """An SDK object as plain data. Since version 15.0, SDK objects are not dicts."""
    values = source.to_dict() if hasattr(source, "to_dict") else source
    if not isinstance(values, Mapping):
        raise TypeError(f"expected an object, not a {type(values).__name__}")
    return values


def _id(value: Any) -> str:
    """The id, also if Stripe expanded the object in its place."""
    if value is None:
        return ""
    return value if isinstance(value, str) else str(as_mapping(value)["id"])


def _metadata(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in as_mapping(values.get("metadata") or {}).items()}
