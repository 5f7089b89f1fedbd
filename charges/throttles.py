"""How often the public may have us do something about a payment, counted in each web process."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.throttling import SimpleRateThrottle

from charges import payment_links
from orders import api, status_tokens


class SetupIntentThrottle(api.AddressThrottle):
    """So many setup intents a period and client address (``SETUP_INTENT_RATE_LIMIT``)."""

    scope = "setup_intent"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"throttle:setup_intent:{self.get_ident(request)}"


class AddressThrottle(api.AddressThrottle):
    """So many changes a period and client address (``PAYMENT_PAGE_RATE_LIMIT``)."""

    scope = "payment_page"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"throttle:payment:address:{self.get_ident(request)}"


class TokenThrottle(SimpleRateThrottle):
    """So many changes a period and payment, from however many addresses and by however many links: whoever can follow
    an order gets a new link each time they ask how its payment stands (``PAYMENT_PAGE_RATE_LIMIT``).

    A token that is not ours counts for no payment, so nobody can use up another one's share.
    """

    scope = "payment_page"

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        order_id = _order_id(str(request.resolver_match.kwargs["token"]))
        return f"throttle:payment:order:{order_id}" if order_id else None


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
