"""Rate limits. Each web process counts on its own."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Any

from rest_framework.throttling import SimpleRateThrottle

IPV6_HOST_BITS = 64


class ScopedThrottle(SimpleRateThrottle):
    """A rate limit with a counter of its own. A subclass names its ``scope`` (in ``DEFAULT_THROTTLE_RATES``) and
    whom it counts."""

    def caller(self, request: Any) -> str | None:
        """A key for all requests that are counted together. None exempts the request."""
        raise NotImplementedError

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        caller = self.caller(request)
        return None if caller is None else f"throttle:{self.scope}:{type(self).__name__}:{caller}"


class ClientAddressThrottle(ScopedThrottle):
    """A rate limit for each client address."""

    def caller(self, request: Any) -> str | None:
        return self.get_ident(request)

    def get_ident(self, request: Any) -> str:
        """The client's IPv4 address, or its IPv6 network: an IPv6 client can use any of the network's addresses."""
        ident = super().get_ident(request)
        try:
            address = ip_address(ident)
        except ValueError:  # a proxy wrote something else than an address
            return ident
        if isinstance(address, IPv6Address):
            network = int(address) >> IPV6_HOST_BITS << IPV6_HOST_BITS
            return str(address.ipv4_mapped or IPv6Address(network))
        return ident


class LoginThrottle(ScopedThrottle):
    """A rate limit for each login. The view must require one."""

    def caller(self, request: Any) -> str:
        return str(request.user.pk)
