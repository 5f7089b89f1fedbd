"""Staff make a key in the admin, the shop's back end buys with it, and staff revoke it."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from orders.models import Order, StoredResponse
from subscriptions.models import ApiKey, User
from tests.support.accounts import BackEnd
from tests.support.factories import staff_user

pytestmark = pytest.mark.django_db

LIST = "/admin/subscriptions/apikey/"
BODY = {
    "plan": "coffee-monthly",
    "payment_method": "pm_card_visa",
    "customer": {"email": "ada@example.com", "name": "Ada"},
}


def staff(*permissions: str) -> Client:
    user = staff_user()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def make_in_admin(client: Client, **fields: Any) -> Any:
    day = timezone.now() + dt.timedelta(days=90)
    form = {"name": "Storefront", "scopes": ["checkout"], "expires_at_0": day.date(), "expires_at_1": "12:00"}
    return client.post(f"{LIST}add/", {**form, **fields})


def buy(back_end: BackEnd, *, key: str = "k1", **customer: str) -> Any:
    body = {**BODY, "customer": {**BODY["customer"], **customer}}  # type: ignore[dict-item]
    return back_end.call("post", "checkout/", body, **{"Idempotency-Key": key})


def test_a_key_is_shown_once_and_works_until_it_is_revoked(coffee: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = staff("add_apikey", "view_apikey", "change_apikey")
    made = make_in_admin(client)
    key = re.search(r"shopkey_\w+", made.text)[0]  # type: ignore[index]
    row = ApiKey.objects.get()
    assert (row.name, row.scopes, row.created_by_id) == ("Storefront", ["checkout"], User.objects.get().pk)
    assert "no-store" in made.headers["Cache-Control"]
    secret = key.rpartition("_")[2]
    assert secret not in client.get(LIST).text + client.get(f"{LIST}{row.pk}/change/").text + caplog.text

    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k1"}
    bought = Client().post("/api/v1/checkout/", BODY, content_type="application/json", headers=headers)
    assert bought.status_code == 201
    assert ApiKey.objects.get().last_used_at is not None

    client.post(LIST, {"action": "revoke", "_selected_action": [str(row.pk)]})
    again = Client().post("/api/v1/checkout/", BODY, content_type="application/json", headers=headers)
    assert again.status_code == 401
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    "fields",
    [{"name": ""}, {"scopes": []}, {"scopes": ["everything"]}, {"expires_at_0": "2020-01-01"}, {"expires_at_0": ""}],
)
def test_the_admin_rejects_invalid_fields(db: None, fields: dict[str, Any]) -> None:
    response = make_in_admin(staff("add_apikey", "view_apikey"), **fields)
    assert response.status_code == 200 and "errorlist" in response.text
    assert ApiKey.objects.count() == 0


def test_making_and_revoking_need_the_permission(db: None) -> None:
    client = staff("view_apikey")
    row = BackEnd().row
    assert make_in_admin(client).status_code == 403
    client.post(LIST, {"action": "revoke", "_selected_action": [str(row.pk)]})
    assert ApiKey.objects.get().revoked_at is None


def test_a_key_has_its_own_space_of_idempotency_keys(coffee: Any) -> None:
    one, two = BackEnd(), BackEnd()
    numbers = [buy(caller).json()["order"]["number"] for caller in (one, one, two)]
    plain = Client().post(
        "/api/v1/checkout/", BODY, content_type="application/json", headers={"Idempotency-Key": "k1"}
    )
    assert numbers[0] == numbers[1]
    assert len({*numbers, plain.json()["order"]["number"]}) == 3
    assert buy(one).headers["Idempotent-Replayed"] == "true"


def test_no_key_reaches_the_database_or_a_message(coffee: Any) -> None:
    back_end = BackEnd()
    buy(back_end)
    secret = back_end.key.rpartition("_")[2]
    rows = [*StoredResponse.objects.all(), *OutboxMessage.objects.all(), *ApiKey.objects.all()]
    assert not [row for row in rows if secret in str(vars(row))]


def test_a_key_needs_the_scope(coffee: Any) -> None:
    response = buy(BackEnd(scopes=["customers.read"]))
    assert response.status_code == 403
    assert Order.objects.count() == 0


def test_a_key_is_not_limited_by_the_address_of_the_back_end(coffee: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from orders.api.views import CheckoutThrottle
    from subscriptions.api.throttles import ApiKeyThrottle

    monkeypatch.setattr(CheckoutThrottle, "rate", "1/hour", raising=False)
    back_end = BackEnd()
    assert [buy(back_end, key=f"k{number}").status_code for number in range(3)] == [201, 201, 201]
    monkeypatch.setattr(ApiKeyThrottle, "rate", "1/hour", raising=False)
    other = BackEnd()
    assert [buy(other, key=f"k{number}").status_code for number in range(2)] == [201, 429]


def test_credentials_of_others_are_ignored_as_before(coffee: Any) -> None:
    for value in ("Basic c2hvcA==", "Bearer something-else"):
        response = Client().post(
            "/api/v1/checkout/",
            BODY,
            content_type="application/json",
            headers={"Idempotency-Key": "k1", "Authorization": value},
        )
        assert response.status_code == 201
