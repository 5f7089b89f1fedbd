"""Place an order: one durable transaction without any network call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from integrations import locks
from integrations.outbox.events import publish
from integrations.purging import delete_in_batches
from orders.events import OrderPlaced
from orders.models import Order, OrderLine, StoredResponse
from orders.operations.contacts import contact_of
from subscriptions.operations.customers import Buyer, find_or_register_customer
from subscriptions.operations.subscriptions import Purchase, start_subscription
from subscriptions.operations.trial_uses import claim_address

KEY_LIFETIME = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A buyer and the purchase. The caller has validated both, also against the price and its plan."""

    buyer: Buyer
    purchase: Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """An Idempotency-Key. Keys of different callers are independent. ``request_hash``: the hash of the body."""

    caller: str
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutResponse:
    """The body of the response. ``replayed``: it repeats the response to an earlier request with the same key."""

    body: dict[str, Any]
    replayed: bool


class KeyInFlight(Exception):
    """Another request with this key is being processed."""


class KeyReused(Exception):
    """An earlier request used this key with another body."""


class TrialUsed(Exception):
    """A trial was begun with this e-mail address before. Nothing was stored."""


def stored_response(*, key: IdempotencyKey, at: dt.datetime) -> CheckoutResponse | None:
    """The response to an earlier request with this key, or None if there is none or the key has expired.

    Raises ``KeyReused`` if that request had another body.
    """
    stored = StoredResponse.objects.filter(caller=key.caller, key=key.key, created_at__gt=at - KEY_LIFETIME).first()
    if stored is None:
        return None
    if stored.request_hash != key.request_hash:
        raise KeyReused("This Idempotency-Key was used with another body.")
    return CheckoutResponse(body=stored.response, replayed=True)


@transaction.atomic(durable=True)
def place_checkout(
    *, checkout: Checkout, key: IdempotencyKey, at: dt.datetime, describe: Callable[[Order], dict[str, Any]]
) -> CheckoutResponse:
    """Create customer, subscription, order, stored response and messages together.

    ``describe`` returns the body of the response. If a request with this key has succeeded before, its response is
    returned and nothing is created. Raises ``KeyInFlight``, ``KeyReused`` and ``TrialUsed``.
    """
    _lock_key(key)
    earlier = stored_response(key=key, at=at)
    if earlier is not None:
        return earlier
    order = _place_order(checkout, at)
    publish(OrderPlaced(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    body = describe(order)
    _store_response(key, body, order, at)
    return CheckoutResponse(body=body, replayed=False)


def purge_stored_responses(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete responses whose keys have expired, ``batch`` rows per statement; return their number."""
    return delete_in_batches(StoredResponse.objects.filter(created_at__lte=at - KEY_LIFETIME), batch=batch)


def _lock_key(key: IdempotencyKey) -> None:
    """Allow one request at a time for each key. The transaction's end releases the lock."""
    try:
        locks.transaction_lock(f"checkout:{key.caller}:{key.key}")
    except locks.Busy:
        raise KeyInFlight("A request with this Idempotency-Key is being processed.") from None


def _place_order(checkout: Checkout, at: dt.datetime) -> Order:
    customer = find_or_register_customer(buyer=checkout.buyer)
    purchase, price = checkout.purchase, checkout.purchase.price
    period = start_subscription(customer=customer, purchase=purchase, at=at)
    if purchase.trial_days and not claim_address(subscription=period.subscription, email=checkout.buyer.email):
        raise TrialUsed("A trial was begun with this address before.")
    amount = 0 if purchase.trial_days else price.amount * purchase.quantity
    order = Order.objects.create(
        kind=Order.Kind.FIRST,
        customer=customer,
        subscription=period.subscription,
        period=period,
        amount=amount,
        currency=price.currency,
        payment_method=purchase.payment_method,
        shipping_address=purchase.shipping_address,
        **contact_of(checkout.buyer),
        period_start=period.start,
        period_end=period.end,
        placed_at=at,
    )
    OrderLine.objects.create(
        order=order,
        kind=OrderLine.Kind.TRIAL if purchase.trial_days else OrderLine.Kind.PERIOD,
        plan=price.plan,
        description=price.plan.name,
        quantity=purchase.quantity,
        unit_amount=price.amount,
        amount=amount,
    )
    return order


def _store_response(key: IdempotencyKey, body: dict[str, Any], order: Order, at: dt.datetime) -> None:
    # An expired key may be used again, even if its row has not been purged yet.
    StoredResponse.objects.filter(caller=key.caller, key=key.key).delete()
    StoredResponse.objects.create(
        caller=key.caller, key=key.key, request_hash=key.request_hash, response=body, order=order, created_at=at
    )
