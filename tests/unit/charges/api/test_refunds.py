"""The refunds API: permissions, responses, and errors."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from charges.models import Refund
from subscriptions.models import User
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.factories import place_order, request_refund, staff_user, succeeded_charge
from tests.support.refunds import refund_state

pytestmark = pytest.mark.django_db

URL = "/api/v1/refunds/"


@pytest.fixture
def charge() -> Any:
    """1290 minor units, paid."""
    return succeeded_charge(place_order(status="paid", paid_at=NOW))


def login(user: Any, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def granted(*codenames: str, **fields: Any) -> User:
    user: User = staff_user()
    User.objects.filter(pk=user.pk).update(**fields) if fields else None
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def staff(db: None) -> Client:
    return login(granted("add_refund", "view_refund"))


def post(client: Client, body: Any, *, key: str | None = "k1", **options: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(URL, body, content_type="application/json", headers={**headers, **options.pop("headers", {})})


def test_staff_refund_an_order(staff: Client, charge: Any) -> None:
    response = post(staff, {"order": charge.order.number, "amount": 500, "reason": "duplicate", "note": "twice"})

    assert response.status_code == 201
    refund = Refund.objects.get()
    assert response.json() == {
        "id": str(refund.pk),
        "order": charge.order.number,
        "status": "pending",
        "amount": 500,
        "currency": "EUR",
        "reason": "duplicate",
        "note": "twice",
        "origin": "staff",
        "failure_code": "",
        "requested_at": response.json()["requested_at"],
        "succeeded_at": None,
        "failed_at": None,
    }
    assert response.headers["Cache-Control"] == "no-store"
    assert (refund_state(charge), published()) == ((500, "paid", ["pending"]), {"RefundRequested": 1})
    assert staff.get(f"{URL}{refund.pk}/").json() == response.json()


def test_the_same_key_returns_the_same_refund(staff: Client, charge: Any) -> None:
    body = {"order": charge.order.number}
    first, again = post(staff, body), post(staff, body)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert (Refund.objects.count(), published()) == (1, {"RefundRequested": 1})


def test_no_response_is_cached(staff: Client, charge: Any) -> None:
    refund = request_refund(charge, 1)
    for response in (staff.get(URL, {"order": charge.order.number}), staff.get(f"{URL}{refund.pk}/"), staff.get(URL)):
        assert response.headers["Cache-Control"] == "no-store"


def problems(response: Any) -> dict[str, str]:
    assert response.headers["Content-Type"].startswith("application/problem+json")
    return {error["field"]: error["message"] for error in response.json()["errors"]}


def test_the_same_key_with_another_body_is_rejected(staff: Client, charge: Any) -> None:
    post(staff, {"order": charge.order.number, "amount": 1})
    response = post(staff, {"order": charge.order.number, "amount": 2})
    assert (response.status_code, list(problems(response))) == (422, ["Idempotency-Key"])
    assert refund_state(charge)[0] == 1


@pytest.mark.parametrize("key", [None, "", "with space", "ü", "x" * 256])
def test_a_missing_or_invalid_key_is_rejected(staff: Client, charge: Any, key: str | None) -> None:
    response = post(staff, {"order": charge.order.number}, key=key)
    assert (response.status_code, list(problems(response)), Refund.objects.count()) == (400, ["Idempotency-Key"], 0)


@pytest.mark.parametrize(
    ("invalid", "status", "field"),
    [
        ({"order": "7K3M9-Q2XAB"}, 422, "order"),
        ({"order": "7k3m9-q2xab"}, 422, "order"),
        ({"order": "7K3M9-Q2XAB\n"}, 422, "order"),
        ({"order": 7}, 400, "order"),
        ({"order": None}, 400, "order"),
        ({"order": ""}, 400, "order"),
        ({"amount": 1291}, 422, "amount"),
        ({"amount": 0}, 422, "amount"),
        ({"amount": -5}, 422, "amount"),
        ({"amount": 10**30}, 422, "amount"),
        ({"amount": 5.0}, 400, "amount"),
        ({"amount": "500"}, 400, "amount"),
        ({"amount": True}, 400, "amount"),
        ({"amount": None}, 400, "amount"),
        ({"reason": "because"}, 422, "reason"),
        ({"reason": 1}, 422, "reason"),
        ({"note": "x" * 501}, 422, "note"),
        ({"note": "\x00"}, 422, "note"),
        ({"note": "\ud800"}, 422, "note"),
        ({"note": 5}, 400, "note"),
        ({"currency": "USD"}, 400, "currency"),
    ],
)
def test_a_bad_field_is_named_and_changes_nothing(
    staff: Client, charge: Any, invalid: dict[str, Any], status: int, field: str
) -> None:
    body = json.dumps({"order": charge.order.number, **invalid})
    response = post(staff, body)
    assert (response.status_code, list(problems(response))) == (status, [field])
    assert (refund_state(charge), published()) == ((0, "paid", []), {})


@pytest.mark.parametrize("body", ["", "[]", "7", "{", "null"])
def test_a_body_that_is_not_an_object_is_rejected(staff: Client, body: str) -> None:
    assert post(staff, body).status_code == 400


def test_the_response_names_the_amount_that_is_left(staff: Client, charge: Any) -> None:
    post(staff, {"order": charge.order.number, "amount": 290})
    response = post(staff, {"order": charge.order.number, "amount": 1290}, key="k2")
    assert problems(response) == {"amount": "Must be between 1 and 1000: 10.00 EUR are left to refund."}
    post(staff, {"order": charge.order.number}, key="k3")
    assert "Nothing is left" in problems(post(staff, {"order": charge.order.number}, key="k4"))["amount"]


def test_an_unpaid_order_cannot_be_refunded(staff: Client) -> None:
    response = post(staff, {"order": place_order().number})
    assert (response.status_code, list(problems(response))) == (422, ["order"])


def all_status_codes(client: Client, charge: Any) -> list[int]:
    refund = Refund.objects.first() or request_refund(charge, 1)
    return [
        post(client, {"order": charge.order.number, "amount": 1}, key=uuid.uuid4().hex).status_code,
        client.get(f"{URL}{refund.pk}/").status_code,
        client.get(URL, {"order": charge.order.number}).status_code,
    ]


def test_staff_need_the_permission(charge: Any) -> None:
    request_refund(charge, 1)
    customer = User.objects.create_user("ada@example.com")
    powerful_customer = granted("add_refund", "view_refund", is_staff=False)
    assert all_status_codes(Client(), charge) == [403, 403, 403]
    assert all_status_codes(login(customer), charge) == [403, 403, 403]
    assert all_status_codes(login(powerful_customer), charge) == [403, 403, 403]
    assert all_status_codes(login(granted()), charge) == [403, 403, 403]
    assert all_status_codes(login(granted("add_refund", "view_refund", is_active=False)), charge) == [403, 403, 403]
    assert refund_state(charge)[0] == 1
    assert all_status_codes(login(granted("view_refund")), charge) == [403, 200, 200]
    assert all_status_codes(login(granted("add_refund")), charge) == [201, 403, 403]
    assert all_status_codes(login(User.objects.create_superuser("root@example.com")), charge) == [201, 200, 200]


def test_without_a_login_every_request_is_forbidden(charge: Any) -> None:
    assert Client().get(f"{URL}{uuid.uuid4()}/").status_code == 403
    assert post(Client(), "{", key=None).status_code == 403


def test_a_session_needs_its_csrf_token(charge: Any) -> None:
    client = login(granted("add_refund"), enforce_csrf_checks=True)
    body = {"order": charge.order.number}
    assert post(client, body).status_code == 403
    assert Refund.objects.count() == 0
    client.cookies["csrftoken"] = "a" * 32
    assert post(client, body, headers={"X-CSRFToken": "a" * 32}).status_code == 201


def test_the_refunds_of_an_order_are_paged(
    staff: Client, charge: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    other = succeeded_charge(place_order(status="paid", paid_at=NOW))
    request_refund(other, 5)
    staff_member = staff_user()
    refunds = [str(request_refund(charge, 1, requested_by=staff_member).pk) for _ in range(53)]

    with django_assert_max_num_queries(8):
        first = staff.get(URL, {"order": charge.order.number}).json()
    second = staff.get(first["next"]).json()

    assert (first["count"], first["previous"], second["next"]) == (53, None, None)
    assert [refund["id"] for refund in first["results"] + second["results"]] == refunds[::-1]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"order": ""}, 400),
        ({"order": "nonsense"}, 422),
        ({"order": "7K3M9-Q2XAB"}, 200),
        ({"order": "7K3M9-Q2XAB", "page": "2"}, 404),
        ({"order": "7K3M9-Q2XAB", "page": "x"}, 404),
        ({"order": "7K3M9-Q2XAB", "page": "9" * 50}, 404),
    ],
)
def test_an_invalid_query_is_rejected(staff: Client, query: dict[str, str], status: int) -> None:
    response = staff.get(URL, query)
    assert response.status_code == status
    if status in (400, 422):
        assert list(problems(response)) == ["order"]
    if not query:
        assert problems(response)["order"] == "This field is required."


def test_an_unknown_refund_is_a_404(staff: Client) -> None:
    for unknown in (uuid.uuid4(), "nonsense"):
        response = staff.get(f"{URL}{unknown}/")
        assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")


def test_each_login_has_its_own_rate_limit(charge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from charges.throttles import RefundThrottle

    monkeypatch.setattr(RefundThrottle, "THROTTLE_RATES", {"refunds": "2/min"})
    busy, calm = login(granted("view_refund")), login(granted("view_refund"))
    query = {"order": charge.order.number}
    assert [busy.get(URL, query).status_code for _ in range(3)] == [200, 200, 429]
    assert calm.get(URL, query).status_code == 200
