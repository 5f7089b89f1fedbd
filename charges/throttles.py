"""How often the public may have us do something about a payment, counted in each web process."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle


class SetupIntentThrottle(SimpleRateThrottle):
    """So many setup intents a period and client address (``SETUP_INTENT_RATE_LIMIT``)."""

    scope = "setup_intent"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"throttle:setup_intent:{self.get_ident(request)}"


class AddressThrottle(SimpleRateThrottle):
    """So many changes a period and client address (``PAYMENT_PAGE_RATE_LIMIT``)."""

    scope = "payment_page"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"throttle:payment:address:{self.get_ident(request)}"


class TokenThrottle(SimpleRateThrottle):
    """So many changes a period and payment, from however many addresses (``PAYMENT_PAGE_RATE_LIMIT``)."""

    scope = "payment_page"

    def get_cache_key(self, request: Any, view: Any) -> str:
        token = str(request.resolver_match.kwargs["token"])
        return f"throttle:payment:token:{hashlib.sha256(token.encode()).hexdigest()}"


THROTTLES = (AddressThrottle, TokenThrottle)


def seconds_to_wait(request: HttpRequest) -> int:
    """0 where a page's request may go on, else the seconds after which it may."""
    for one in (throttle() for throttle in THROTTLES):
        if not one.allow_request(cast(Any, request), cast(Any, None)):
            return int(one.wait() or 1) + 1
    return 0
