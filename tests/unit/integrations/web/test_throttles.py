"""Rate limits: whose requests are counted together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from integrations.web.throttles import ClientAddressThrottle, LoginThrottle


class Reads(ClientAddressThrottle):
    scope = "reads"
    THROTTLE_RATES = {"reads": "2/min"}


class Writes(ClientAddressThrottle):
    scope = "writes"
    THROTTLE_RATES = {"writes": "2/min"}


class Logins(LoginThrottle):
    scope = "logins"
    THROTTLE_RATES = {"logins": "1/min"}


@pytest.fixture(autouse=True)
def _empty_counters() -> None:
    cache.clear()


def is_allowed(throttle: type[ClientAddressThrottle], address: str) -> bool:
    request = Request(APIRequestFactory().get("/", REMOTE_ADDR=address))
    return throttle().allow_request(request, view=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second", "is_counted_together"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff::9", True),
        ("2001:db8:1:1::1", "2001:db8:1:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("unix:", "unix:", True),
    ],
)
def test_clients_are_counted_by_address_or_ipv6_network(first: str, second: str, is_counted_together: bool) -> None:
    assert [is_allowed(Reads, first), is_allowed(Reads, first)] == [True, True]
    assert is_allowed(Reads, second) is not is_counted_together


def test_each_scope_counts_on_its_own() -> None:
    assert [is_allowed(Reads, "192.0.2.1") for _ in range(3)] == [True, True, False]
    assert is_allowed(Writes, "192.0.2.1")


def test_logins_are_counted_by_user() -> None:
    def allowed(user: int) -> bool:
        request: Any = SimpleNamespace(user=SimpleNamespace(pk=user))
        return Logins().allow_request(request, view=None)  # type: ignore[arg-type]

    assert [allowed(1), allowed(1), allowed(2)] == [True, False, True]
