"""Each app has its routes in ``api/urls.py`` or ``webhooks/urls.py``, with names of one pattern."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

# The module of the routes, and the prefix of their names.
PREFIXES = {
    "subscriptions.api.urls": "api-",
    "subscriptions.login_pages.urls": "login",
    "subscriptions.erasure_page.urls": "erasure-page",
    "orders.api.urls": "api-",
    "charges.api.urls": "api-",
    "charges.cancel_page.urls": "cancel-page",
    "charges.payment_page.urls": "payment-page",
    "charges.webhooks.urls": "webhook-",
    "notifications.webhooks.urls": "webhook-",
}


def included() -> dict[str, list[URLPattern]]:
    resolvers = [route for route in get_resolver().url_patterns if isinstance(route, URLResolver)]
    return {
        resolver.urlconf_name.__name__: list(patterns(resolver))
        for resolver in resolvers
        if not isinstance(resolver.urlconf_name, list)
    }


def patterns(resolver: Any) -> Iterator[URLPattern]:
    for route in resolver.url_patterns:
        if isinstance(route, URLResolver):
            yield from patterns(route)
        else:
            yield route


def test_every_included_module_is_known() -> None:
    assert set(included()) == set(PREFIXES)


@pytest.mark.parametrize(("module", "prefix"), PREFIXES.items())
def test_route_names_have_the_prefix_of_their_module(module: str, prefix: str) -> None:
    assert [route.name for route in included()[module] if not str(route.name).startswith(prefix)] == []


def test_route_names_are_unique() -> None:
    names = [route.name for routes in included().values() for route in routes]
    assert len(names) == len(set(names))
