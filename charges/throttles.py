"""How often the public may have us do something about a payment, counted in each web process."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone

from charges import payment_links
from integrations.web.throttles import ClientAddressThrottle, ScopedThrottle
from orders import status_tokens


class SetupIntentThrottle(ClientAddressThrottle):
    """``SETUP_INTENT_RATE_LIMIT`` setup intents for each client address."""

    scope = "setup_intent"


class AddressThrottle(ClientAddressThrottle):
    """``PAYMENT_PAGE_RATE_LIMIT`` changes for each client address."""

    scope = "payment_page"


class TokenThrottle(ScopedThrottle):
    """So many changes a period and payment, from however many addresses and by however many links: whoever can follow
    an order gets a new link each time they ask how its payment stands (``PAYMENT_PAGE_RATE_LIMIT``).

    A token that is not ours counts for no payment, so nobody can use up another one's share.
    """

    scope = "payment_page"

    def caller(self, request: Any) -> str | None:
        order_id = _order_id(str(request.resolver_match.kwargs["token"]))
        return str(order_id) if order_id else None


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


THROTTLES = (AddressThrottle, TokenThrottle)


def seconds_to_wait(request: HttpRequest) -> int:
    """0 where a page's request may go on, else the seconds after which it may."""
    for one in (throttle() for throttle in THROTTLES):
        if not one.allow_request(cast(Any, request), cast(Any, None)):
            return int(one.wait() or 1) + 1
    return 0
