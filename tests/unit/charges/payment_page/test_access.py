"""Which requests the views of the payment page accept, and what they answer without a database."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone

from charges import payment_links
from charges.payment_page import page, script_api
from integrations.outbox.models import OutboxMessage
from orders.models import Order
from tests.support.factories import place_order
from tests.support.payment_page import order_requiring_action, page_path, post_with_csrf_token
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

POSTS = ("session", "return", "setup", "payment-method")


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


class TestAccess:
    @pytest.mark.parametrize("path", ["", "status/"])
    @pytest.mark.parametrize("token", ["nonsense", "", None])
    def test_a_bad_link_is_a_404_that_says_what_to_do(self, client: Client, path: str, token: str | None) -> None:
        token = token if token is not None else payment_links.token(order_id=uuid4(), at=timezone.now())
        response = client.get(f"/pay/{token or 'x:y:z'}/{path}", headers={"Accept-Language": "de-DE,de;q=0.9"})
        assert response.status_code == 404
        assert "Er scheint unvollständig zu sein" in response.text or path == "status/"

    @pytest.mark.parametrize("path", [*POSTS, "link"])
    def test_a_bad_link_changes_nothing(self, client: Client, path: str) -> None:
        order = place_order()
        forged = page_path(order).replace(str(order.pk), str(place_order().pk))
        assert client.post(f"{forged}{path}/", "{}", content_type="application/json").status_code == 404
        assert not OutboxMessage.objects.exists()

    def test_an_expired_link_is_a_410_that_offers_a_new_link(self, client: Client) -> None:
        response = client.get(page_path(place_order(), age_days=8))
        assert response.status_code == 410
        assert "Send me a new link" in response.text
        assert "€12.90" not in response.text

    @pytest.mark.parametrize("path", POSTS)
    def test_an_expired_link_changes_nothing(self, client: Client, stripe_sandbox: StripeSandbox, path: str) -> None:
        order = order_requiring_action()
        before = len(stripe_sandbox.requests(method="GET")), OutboxMessage.objects.count()
        response = client.post(f"{page_path(order, age_days=8)}{path}/", "{}", content_type="application/json")
        assert response.status_code == 410
        assert response.json().keys() == {"message"}
        assert (len(stripe_sandbox.requests(method="GET")), OutboxMessage.objects.count()) == before

    def test_an_expired_link_does_not_show_the_status(self, client: Client) -> None:
        assert client.get(f"{page_path(place_order(), age_days=8)}status/").status_code == 410

    @pytest.mark.parametrize(
        ("path", "methods"),
        [
            ("", ["head", "post", "put", "patch", "delete", "options"]),
            ("status/", ["head", "post", "put", "patch", "delete", "options"]),
            *((f"{one}/", ["get", "head", "put", "patch", "delete", "options"]) for one in (*POSTS, "link")),
        ],
    )
    def test_other_methods_are_rejected(self, client: Client, path: str, methods: list[str]) -> None:
        url = f"{page_path(place_order())}{path}"
        assert {getattr(client, method)(url).status_code for method in methods} == {405}

    @pytest.mark.parametrize("path", [*POSTS, "link"])
    def test_requests_without_a_csrf_token_are_rejected(self, stripe_sandbox: StripeSandbox, path: str) -> None:
        strict = Client(enforce_csrf_checks=True)
        order = order_requiring_action()
        before = OutboxMessage.objects.count()
        url = page_path(order, age_days=8 if path == "link" else 0)
        assert strict.post(f"{url}{path}/", "{}", content_type="application/json").status_code == 403
        assert OutboxMessage.objects.count() == before

    def test_the_pages_own_script_is_accepted(self, stripe_sandbox: StripeSandbox) -> None:
        strict = Client(enforce_csrf_checks=True)
        url = page_path(order_requiring_action())
        assert post_with_csrf_token(strict, url, "return").status_code == 202

    @pytest.mark.parametrize("path", ["", "status/"])
    def test_reading_changes_nothing(self, client: Client, stripe_sandbox: StripeSandbox, path: str) -> None:
        order = order_requiring_action()
        before = (OutboxMessage.objects.count(), len(stripe_sandbox.requests(method="GET")))
        updated = Order.objects.get().updated_at
        for _ in range(3):
            assert client.get(f"{page_path(order)}{path}").status_code == 200
        assert (OutboxMessage.objects.count(), len(stripe_sandbox.requests(method="GET"))) == before
        assert Order.objects.get().updated_at == updated


class TestWithoutDatabase:
    @pytest.mark.parametrize("error", [OperationalError, InterfaceError])
    @pytest.mark.parametrize(
        ("method", "path"), [("get", ""), ("get", "status/"), ("post", "payment-method/"), ("post", "link/")]
    )
    def test_it_is_unavailable_and_asks_to_retry(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, method: str, path: str, error: type[Exception]
    ) -> None:
        url = page_path(place_order())

        def fail(token: str) -> None:
            raise error("connection to server at db.example.com failed")

        monkeypatch.setattr(page, "order_of_link", fail)
        monkeypatch.setattr(script_api, "order_of_link", fail)
        response = getattr(client, method)(f"{url}{path}", headers={"Accept-Language": "de"})
        assert (response.status_code, response["Retry-After"], response["Cache-Control"]) == (503, "5", "no-store")
        assert "in einer Minute" in (response.text if path in ("", "link/") else response.json()["message"])
        assert "db.example.com" not in response.text
