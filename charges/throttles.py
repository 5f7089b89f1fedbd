"""The rate limits of the payment page, the payments API and the refunds API. Each web process counts on its own."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from charges import payment_links
from integrations.web.throttles import ClientAddressThrottle, LoginThrottle, ScopedThrottle
from orders import status_tokens


class SetupIntentThrottle(ClientAddressThrottle):
    """Limits the setup intents that a client address creates: ``SETUP_INTENT_RATE_LIMIT``."""

    scope = "setup_intents"


class PaymentAddressThrottle(ClientAddressThrottle):
    """Limits the changes to payments from a client address: ``PAYMENT_PAGE_RATE_LIMIT``."""

    scope = "payment_changes_by_address"


class PaymentOrderThrottle(ScopedThrottle):
    """Limits the changes to the payment of an order, from all addresses together: ``PAYMENT_PAGE_RATE_LIMIT``.

    All links and status tokens of an order share one counter, because the customer gets a new link with each request
    for the payment's status. An invalid token counts for no order. Otherwise a stranger could use up an order's limit.
    """

    scope = "payment_changes_by_order"

    def caller(self, request: Any) -> str | None:
        order_id = _order_id(str(request.resolver_match.kwargs["token"]))
        return str(order_id) if order_id else None


class RefundThrottle(LoginThrottle):
    """Limits the requests of a login to the refunds API: ``REFUND_RATE_LIMIT``."""

    scope = "refunds"


def _order_id(token: str) -> UUID | None:
    """The order of a payment link or a status token."""
    try:
        return payment_links.read(token, at=timezone.now()).order_id
    except payment_links.BadLink:
        pass
    try:
        return status_tokens.read(token)
    except status_tokens.BadToken:
        return None


PAYMENT_THROTTLES = (PaymentAddressThrottle, PaymentOrderThrottle)


def seconds_to_wait(request: HttpRequest) -> int:
    """Count a request of the payment page. Returns 0 if it is allowed, else the seconds until the next one is."""
    for throttle in (throttle_class() for throttle_class in PAYMENT_THROTTLES):
        if not throttle.allow_request(cast(Any, request), cast(Any, None)):
            return int(throttle.wait() or 1) + 1
    return 0
