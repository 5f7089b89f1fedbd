"""The rate limits of charges: whose requests they count together, and that each has its own scope."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from charges import throttles
from charges.throttles import PaymentAddressThrottle, PaymentOrderThrottle
from integrations.web.throttles import ScopedThrottle
from orders import status_tokens
from tests.support.factories import place_order
from tests.support.payment_page import page_path

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture(autouse=True)
def _empty_counters() -> None:
    cache.clear()


def test_each_throttle_has_its_own_scope_with_a_rate() -> None:
    scopes = [
        value.scope
        for value in vars(throttles).values()
        if isinstance(value, type) and issubclass(value, ScopedThrottle) and value.scope
    ]
    assert len(scopes) == len(set(scopes)) == 4
    assert set(scopes) <= settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"].keys()


@pytest.mark.parametrize("throttle", [PaymentOrderThrottle, PaymentAddressThrottle])
def test_changes_are_throttled_and_reads_are_not(
    client: Client, monkeypatch: pytest.MonkeyPatch, throttle: type[PaymentOrderThrottle]
) -> None:
    monkeypatch.setattr(throttle, "rate", "2/min", raising=False)
    url, address = page_path(place_order()), {"REMOTE_ADDR": "192.0.2.1"}
    responses = [client.post(f"{url}return/", **address) for _ in range(3)]
    assert [response.status_code for response in responses] == [202, 202, 429]
    assert int(responses[-1]["Retry-After"]) > 0
    assert client.get(f"{url}status/", **address).status_code == 200


def test_all_links_and_tokens_of_an_order_share_one_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PaymentOrderThrottle, "rate", "2/min", raising=False)
    order = place_order()
    urls = [f"{page_path(order, age_days=age)}return/" for age in (0, 1, 2)]
    urls.append(f"/api/v1/orders/status/{status_tokens.token_of(order_id=order.pk)}/payment/payment-method/")
    responses = [client.post(url, REMOTE_ADDR=f"192.0.2.{40 + n}") for n, url in enumerate(urls)]
    assert [response.status_code for response in responses] == [202, 202, 429, 429]


def test_a_forged_token_does_not_use_up_the_limit_of_an_order(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PaymentOrderThrottle, "rate", "1/min", raising=False)
    order = place_order()
    forged = f"/api/v1/orders/status/{order.pk}:forged/payment/payment-method/"
    assert [client.post(forged, REMOTE_ADDR=f"192.0.2.{50 + n}").status_code for n in range(3)] == [404] * 3
    assert client.post(f"{page_path(order)}return/", REMOTE_ADDR="192.0.2.60").status_code == 202
