"""The cookie of the browser that asked for a login mail, and the network of an attempt."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from subscriptions.api import sessions


def request(cookie: str = "", **meta: str) -> Any:
    made = RequestFactory().get("/", **meta)
    if cookie:
        made.COOKIES["login_browser"] = cookie
    return made


def test_a_browser_keeps_its_secret_and_a_new_one_gets_another() -> None:
    known = sessions.new_or_known_browser(request())
    assert len(known) == 43
    assert sessions.new_or_known_browser(request(known)) == known
    assert sessions.new_or_known_browser(request()) != known


@pytest.mark.parametrize("cookie", ["x", "a" * 42, "a" * 5000])
def test_a_secret_of_another_length_is_replaced(cookie: str) -> None:
    assert len(sessions.new_or_known_browser(request(cookie))) == 43
    assert len(sessions.browser_of(request(cookie))) <= 64


def test_the_cookie_is_hidden_from_scripts_and_other_sites(settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    response = HttpResponse()
    sessions.remember_browser(response, "b" * 43)
    cookie = response.cookies["login_browser"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["max-age"]) == (True, True, "Lax", 900)
    sessions.forget_browser(response)
    assert response.cookies["login_browser"].value == ""


@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::"), ("::ffff:192.0.2.7", "192.0.2.7")],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_64(address: str, network: str) -> None:
    assert sessions.network_of(request(REMOTE_ADDR=address)) == network
