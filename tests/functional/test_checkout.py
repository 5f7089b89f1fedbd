"""A shop front end places an order and follows it. Requests that cannot be carried out get a clear error."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import socket
import threading
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from orders.models import Order, OrderLine, StoredResponse
from orders.operations import checkout as operations
from subscriptions.models import BillingPeriod, Customer, Plan, Subscription, User
from subscriptions.operations.consents import withdraw_marketing_consent
from subscriptions.operations.logins import create_login
from subscriptions.operations.periods import begin_due_periods
from tests.support.concurrency import at_once
from tests.support.factories import change_price

URL = "/api/v1/checkout/"
PROBLEM = "application/problem+json"
DELETE: Any = object()


def body(**changes: Any) -> dict[str, Any]:
    """The checkout of the README, with changes by path: ``customer__email="…"``."""
    whole: dict[str, Any] = {
        "plan": "coffee-monthly",
        "quantity": 1,
        "payment_method": "pm_card_visa",
        "customer": {"email": "Ada@Example.com", "name": "Ada Lovelace"},
    }
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = whole
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is DELETE:
            del place[name]
        else:
            place[name] = value
    return whole


def post(client: Client, data: Any, *, key: str | None = None, **headers: str) -> Any:
    all_headers = {"Idempotency-Key": str(uuid4()) if key is None else key, **headers}
    text = data if isinstance(data, (str, bytes)) else json.dumps(data)
    return client.post(URL, text, content_type="application/json", headers=all_headers)


@pytest.fixture
def client() -> Client:
    # By default, Django's test client raises the view's exception instead of returning the response to it.
    return Client(raise_request_exception=False)


def test_a_checkout_returns_the_order(transactional_db: None, coffee: Plan, client: Client) -> None:
    answer = post(client, body(quantity=2))
    assert answer.status_code == 201
    data = answer.json()
    order = Order.objects.get()
    assert data == {
        "order": {
            "number": order.number,
            "status": "pending_payment",
            "amount": 2580,
            "currency": "EUR",
            "status_url": data["order"]["status_url"],
        },
        "subscription": {"id": str(order.subscription_id), "status": "incomplete"},
        "customer": {"id": str(order.customer_id)},
        "trial": None,
    }
    line = OrderLine.objects.get()
    assert (line.quantity, line.unit_amount, line.amount) == (2, 1290, 2580)
    sent_for = set(OutboxMessage.objects.values_list("task", flat=True))
    assert {"charges.capture_payment", "accounts.create_login", "brevo.sync_contact", "dixa.sync_end_user"} <= sent_for


def test_the_status_url_is_absolute_needs_no_login_and_follows_the_order(
    transactional_db: None, coffee: Plan, client: Client
) -> None:
    data = post(client, body()).json()["order"]
    url = data["status_url"]
    assert url.startswith("http://testserver/")
    assert client.get(url).json() == data
    Order.objects.update(status="paid", paid_at=timezone.now())
    assert client.get(url).json()["status"] == "paid"
    assert client.get(url)["Cache-Control"] == "no-store"


def test_a_forged_token_is_not_found(transactional_db: None, coffee: Plan, client: Client) -> None:
    url = post(client, body()).json()["order"]["status_url"]
    for other in (url[:-3] + "x/", url.replace("status/", "status/0"), "http://testserver/api/v1/orders/status/1/"):
        answer = client.get(other)
        assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)


def test_the_same_key_and_body_get_the_first_response_again(
    transactional_db: None, coffee: Plan, client: Client
) -> None:
    first = post(client, body(), key="once")
    reordered = dict(reversed(list(body().items())))
    again = post(client, json.dumps(reordered, indent=3), key="once")
    assert (again.status_code, again.json()) == (201, first.json())
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Order.objects.count() == Subscription.objects.count() == Customer.objects.count() == 1


def test_a_replay_outlives_the_plan(transactional_db: None, coffee: Plan, client: Client) -> None:
    first = post(client, body(), key="once")
    Plan.objects.update(is_active=False)
    assert post(client, body(), key="once").json() == first.json()
    assert post(client, body(), key="twice").status_code == 422


def test_the_same_key_with_another_body_is_rejected(transactional_db: None, coffee: Plan, client: Client) -> None:
    post(client, body(), key="once")
    answer = post(client, body(quantity=2), key="once")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert Order.objects.count() == 1


def test_keys_belong_to_their_caller(transactional_db: None, coffee: Plan, client: Client) -> None:
    one = post(client, body(), key="once", Authorization="Bearer shop-one")
    two = post(client, body(), key="once", Authorization="Bearer shop-two")
    assert one.json()["order"]["number"] != two.json()["order"]["number"]


def test_a_key_expires_after_a_day(transactional_db: None, coffee: Plan, client: Client) -> None:
    post(client, body(), key="once")
    StoredResponse.objects.update(created_at=timezone.now() - dt.timedelta(hours=24, seconds=1))
    assert post(client, body(quantity=3), key="once").status_code == 201
    StoredResponse.objects.update(created_at=timezone.now() - dt.timedelta(hours=25))
    assert operations.purge_stored_responses(at=timezone.now()) == 1
    assert Order.objects.count() == 2


def test_a_key_in_flight_is_rejected_at_once(transactional_db: None, coffee: Plan, client: Client) -> None:
    caller = _caller_without_authorization()
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        from integrations.locks import lock_key

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [lock_key(f"checkout:{caller}:busy")])
            holding.set()
            release.wait(20)
            # Unlock explicitly: the server notices a closed connection only a little later.
            cursor.execute("SELECT pg_advisory_unlock_all()")
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait(20)
    try:
        answer = post(client, body(), key="busy")
    finally:
        release.set()
        holder.join()
    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert post(client, body(), key="busy").status_code == 201


def _caller_without_authorization() -> str:
    import hashlib

    return hashlib.sha256(b"authorization:").hexdigest()


def test_two_hundred_parallel_requests_with_one_key_make_one_order(transactional_db: None, coffee: Plan) -> None:
    def buy_ten_times() -> list[Any]:
        client = Client(raise_request_exception=False)
        return [post(client, body(), key="one") for _ in range(10)]

    answers = list(itertools.chain(*at_once(buy_ten_times, times=20)))
    codes = [answer.status_code for answer in answers]
    assert len(codes) == 200
    assert set(codes) <= {201, 409}
    assert codes.count(201) >= 1
    assert len({answer.json()["order"]["number"] for answer in answers if answer.status_code == 201}) == 1
    assert Order.objects.count() == Subscription.objects.count() == Customer.objects.count() == 1
    assert OutboxMessage.objects.filter(task="charges.capture_payment").count() == 1


def test_a_known_address_buys_as_the_same_customer_whose_data_neither_change_nor_show(
    transactional_db: None, coffee: Plan, client: Client
) -> None:
    first = post(client, body(customer__phone="+4915112345678", customer__sms_consent=True)).json()
    stranger = body(customer__email="ADA@EXAMPLE.COM", customer__name="Mallory", customer__phone="+491709999999")
    second = post(client, stranger).json()
    assert first["customer"] == second["customer"]
    customer = Customer.objects.get()
    assert (customer.name, customer.phone, customer.sms_consent) == ("Ada Lovelace", "+4915112345678", True)
    contacts = Order.objects.order_by("pk").values_list("contact_name", "contact_phone", "sms_consent")
    assert list(contacts) == [("Ada Lovelace", "+4915112345678", True), ("Mallory", "+491709999999", False)]
    assert "Ada" not in json.dumps(second) and "+49" not in json.dumps(second)
    assert OutboxMessage.objects.filter(task="accounts.create_login").count() == 1


def test_simultaneous_first_purchases_create_one_customer(transactional_db: None, coffee: Plan) -> None:
    at_once(lambda: post(Client(), body()), times=8)
    assert (Customer.objects.count(), Order.objects.count()) == (1, 8)
    assert OutboxMessage.objects.filter(task="accounts.create_login").count() == 1


REJECTIONS: list[tuple[str, dict[str, Any], int, str]] = [
    ("no plan", {"plan": DELETE}, 400, "plan"),
    ("plan null", {"plan": None}, 400, "plan"),
    ("plan a number", {"plan": 7}, 400, "plan"),
    ("unknown plan", {"plan": "tea-monthly"}, 422, "plan"),
    ("quantity a string", {"quantity": "1"}, 400, "quantity"),
    ("quantity true", {"quantity": True}, 400, "quantity"),
    ("quantity a fraction", {"quantity": 1.5}, 400, "quantity"),
    ("quantity none", {"quantity": 0}, 422, "quantity"),
    ("quantity too many", {"quantity": 10**30}, 422, "quantity"),
    ("no payment method", {"payment_method": DELETE}, 400, "payment_method"),
    ("a card number", {"payment_method": "4242424242424242"}, 422, "payment_method"),
    ("payment method with a line feed", {"payment_method": "pm_card_visa\n"}, 201, ""),
    ("no customer", {"customer": DELETE}, 400, "customer"),
    ("customer a list", {"customer": []}, 400, "customer"),
    ("no e-mail", {"customer__email": DELETE}, 400, "customer.email"),
    ("e-mail blank", {"customer__email": ""}, 400, "customer.email"),
    ("bad e-mail", {"customer__email": "ada@"}, 422, "customer.email"),
    ("e-mail with a zero byte", {"customer__email": "a\0@example.com"}, 422, "customer.email"),
    ("e-mail of half a character", {"customer__email": "\ud800@example.com"}, 422, "customer.email"),
    ("e-mail not in ASCII", {"customer__email": "ädä@example.com"}, 422, "customer.email"),
    ("name too long", {"customer__name": "x" * 201}, 422, "customer.name"),
    ("name of half a character", {"customer__name": "\udfff"}, 422, "customer.name"),
    ("bad phone", {"customer__phone": "12345"}, 422, "customer.phone"),
    ("phone too short", {"customer__phone": "+491"}, 422, "customer.phone"),
    ("bad locale", {"customer__locale": "english"}, 422, "customer.locale"),
    ("consent a string", {"customer__sms_consent": "yes"}, 400, "customer.sms_consent"),
    ("misspelled field", {"quantitty": 2}, 400, "quantitty"),
    (
        "address without a city",
        {"shipping_address": {"line1": "1 Main St", "country": "US"}},
        400,
        "shipping_address.city",
    ),
    (
        "no such country",
        {"shipping_address": {"line1": "1 Main St", "city": "X", "country": "Narnia"}},
        422,
        "shipping_address.country",
    ),
]


@pytest.mark.parametrize(("what", "changes", "code", "field"), REJECTIONS, ids=[row[0] for row in REJECTIONS])
def test_bad_input_names_the_field_and_changes_nothing(
    transactional_db: None, coffee: Plan, client: Client, what: str, changes: dict[str, Any], code: int, field: str
) -> None:
    answer = post(client, body(**changes))
    assert answer.status_code == code, answer.content
    if code != 201:
        data = answer.json()
        assert answer["Content-Type"] == PROBLEM
        assert (data["status"], data["errors"][0]["field"]) == (code, field)
        assert not Order.objects.exists() and not Customer.objects.exists() and not OutboxMessage.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "7", '"x"', "{}x", "NaN", '{"quantity": Infinity}', "9" * 5000),
        *("[" * 60_000, '{"a":' * 10_000, '{"plan": "a", "plan": "b"}', '{"plan": "' + "x" * 1000),
        *(b"\xff\xfe", "\ufeff{}"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_a_body_that_is_not_a_json_object_is_malformed(
    transactional_db: None, coffee: Plan, client: Client, text: str | bytes
) -> None:
    answer = post(client, text)
    assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "schlüssel".encode().decode("latin-1")])
def test_a_missing_or_malformed_key_is_rejected(transactional_db: None, coffee: Plan, client: Client, key: str) -> None:
    answer = post(client, body(), key=key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


def test_a_body_of_more_than_64_kib_is_too_large(transactional_db: None, coffee: Plan, client: Client) -> None:
    fits = json.dumps(body())
    assert post(client, fits + " " * (64 * 1024 - len(fits))).status_code == 201
    assert post(client, fits + " " * (64 * 1024 - len(fits) + 1)).status_code == 413
    assert post(client, fits + " " * 3_000_000).status_code == 413


def test_other_media_types_are_rejected(transactional_db: None, coffee: Plan, client: Client) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = client.post(URL, "plan=x", content_type=media_type, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer["Content-Type"]) == (415, PROBLEM)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_rejected(transactional_db: None, client: Client, method: str) -> None:
    answer = getattr(client, method)(URL)
    assert (answer.status_code, answer["Content-Type"]) == (405, PROBLEM)


def test_checkouts_are_throttled(
    transactional_db: None, coffee: Plan, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orders.api.views import CheckoutThrottle

    monkeypatch.setattr(CheckoutThrottle, "THROTTLE_RATES", {"checkout": "3/min"})
    client = Client(REMOTE_ADDR="192.0.2.7")
    answers = [post(client, body()) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60


def test_a_shipped_plan_may_require_an_address(
    transactional_db: None, coffee: Plan, client: Client
) -> None:
    Plan.objects.update(needs_address=True)
    answer = post(client, body())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "shipping_address")
    address = {"line1": "1 Main St", "city": "Springfield", "postal_code": "12345", "country": "US"}
    assert post(client, body(shipping_address=address)).status_code == 201
    assert Order.objects.get().shipping_address == address


def test_a_checkout_touches_the_database_and_no_other_socket(
    transactional_db: None, coffee: Plan, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened during a checkout")

    # PostgreSQL's driver opens its sockets in C, below these.
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(AssertionError, match="a socket"):
        socket.create_connection(("127.0.0.1", 9))
    assert post(client, body()).status_code == 201


def test_a_checkout_is_one_transaction_with_a_bounded_number_of_statements(
    transactional_db: None, coffee: Plan, client: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(22) as queries:
        post(client, body())
    statements = [query["sql"] for query in queries]
    assert statements.count("BEGIN") == statements.count("COMMIT") == 1


def test_without_a_database_the_response_is_503_with_retry_after(
    transactional_db: None, coffee: Plan, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(operations, "place_checkout", away)
    answer = post(client, body())
    assert (answer.status_code, answer["Content-Type"], answer["Retry-After"]) == (503, PROBLEM, "5")
    assert "refused" not in answer.content.decode()


def test_the_plans_for_sale_are_listed(transactional_db: None, coffee: Plan, magazine: Plan, client: Client) -> None:
    Plan.objects.filter(code="magazine-monthly").update(is_active=False)
    answer = client.get("/api/v1/plans/")
    assert [plan["code"] for plan in answer.json()] == ["coffee-monthly"]
    assert answer.json()[0]["amount"] == 1290


def test_health_and_readiness(transactional_db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok", "database": "ok", "relay_lag_seconds": 0.0}
    OutboxMessage.objects.create(
        task="orders.start_fulfillment",
        queue="OrdersQueue",
        kwargs={},
        not_before=timezone.now() - dt.timedelta(minutes=5),
    )
    assert client.get("/readyz").json()["status"] == "lagging"

    def away() -> float:
        raise OperationalError

    monkeypatch.setattr("integrations.outbox.relay.lag_seconds", away)
    assert client.get("/readyz").status_code == 503


def test_the_schema_and_the_docs_need_no_login(transactional_db: None, client: Client) -> None:
    schema = client.get("/api/v1/schema/?format=json").json()
    assert {"/api/v1/checkout/", "/api/v1/orders/status/{token}/", "/api/v1/plans/"} <= set(schema["paths"])
    assert b"swagger" in client.get("/api/v1/docs/").content


def test_a_response_carries_the_id_of_its_request(transactional_db: None, coffee: Plan, client: Client) -> None:
    answer = post(client, body(), **{"X-Request-ID": "front-end-42"})
    assert answer["X-Request-ID"] == "front-end-42"
    assert {row.headers["request_id"] for row in OutboxMessage.objects.all()} == {"front-end-42"}
    assert len(post(client, body(), **{"X-Request-ID": "<script>"})["X-Request-ID"]) == 36


def test_an_unknown_url_is_a_problem_too(transactional_db: None, client: Client) -> None:
    answer = client.get("/api/v1/nothing/")
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)


@pytest.mark.parametrize("debug", [False, True])
def test_an_api_url_without_its_last_slash_is_not_found(
    transactional_db: None, client: Client, settings: Any, debug: bool
) -> None:
    settings.DEBUG = debug
    answer = client.post(URL.removesuffix("/"), "{}", content_type="application/json")
    assert answer.status_code == 404
    assert client.get("/admin").status_code == 301, "people are redirected"


def test_a_session_cookie_makes_no_difference(transactional_db: None, coffee: Plan) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("ada@example.com", is_staff=True))
    first = post(client, body(), key="once")
    assert first.status_code == 201
    assert post(Client(), body(), key="once").json() == first.json(), "the key does not belong to the login"


class TestEmailAddresses:
    def test_two_domains_that_look_alike_are_two_customers(
        self, transactional_db: None, coffee: Plan, client: Client
    ) -> None:
        for email in ("ada@straße.de", "ada@strasse.de"):
            assert post(client, body(customer__email=email)).status_code == 201
        assert sorted(Customer.objects.values_list("email", flat=True)) == ["ada@strasse.de", "ada@xn--strae-oqa.de"]

    @pytest.mark.parametrize("again", ["ADA@xn--strae-oqa.de", "ada@STRAẞE.de"])
    def test_one_domain_in_two_spellings_is_one_customer(
        self, transactional_db: None, coffee: Plan, client: Client, again: str
    ) -> None:
        for email in ("ada@straße.de", again):
            assert post(client, body(customer__email=email)).status_code == 201
        assert Customer.objects.count() == 1

    def test_a_consent_is_withdrawn_by_any_spelling_of_the_address(
        self, transactional_db: None, coffee: Plan, client: Client
    ) -> None:
        for spelling in ("ada@xn--strae-oqa.de", "Ada@straße.de"):
            post(client, body(customer__email="ada@straße.de", customer__marketing_consent=True))
            Customer.objects.update(marketing_consent=True)
            assert withdraw_marketing_consent(email=spelling) == 1

    def test_every_accepted_address_can_have_a_login(
        self, transactional_db: None, coffee: Plan, client: Client
    ) -> None:
        assert post(client, body(customer__email="a@ꭰꭱꭲ.de")).status_code == 201
        assert create_login(customer_id=Customer.objects.get().pk)

    def test_the_customer_id_does_not_reveal_when_the_customer_was_created(
        self, transactional_db: None, coffee: Plan, client: Client
    ) -> None:
        customer_id = UUID(post(client, body()).json()["customer"]["id"])
        assert customer_id.version == 4, "version 7 begins with the time"


@pytest.mark.parametrize("digits", [14, 15, 16, 17])
def test_a_phone_number_with_too_many_digits_is_rejected(
    transactional_db: None, coffee: Plan, client: Client, digits: int
) -> None:
    answer = post(client, body(customer__phone="+49" + "1" * digits))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "customer.phone")


def test_a_total_above_stripes_maximum_is_rejected(transactional_db: None, coffee: Plan, client: Client) -> None:
    change_price(coffee, amount=99_999_999)
    answer = post(client, body(quantity=2))
    problem = {
        "field": "quantity",
        "message": "The amount must be at most 999,999.99 EUR: Stripe charges no more.",
    }
    assert (answer.status_code, answer.json()["errors"]) == (422, [problem])
    assert not Order.objects.exists()
    assert post(client, body()).status_code == 201


def test_with_a_read_only_database_the_response_is_503(transactional_db: None, coffee: Plan, client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            answer = post(client, body())
        finally:
            cursor.execute("RESET default_transaction_read_only")
    assert (answer.status_code, answer["Content-Type"], answer["Retry-After"]) == (503, PROBLEM, "5")


def test_the_periods_of_a_subscription_follow_the_customers_time_zone(
    transactional_db: None, coffee: Plan, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """09:00 in Berlin on January 31: in UTC 08:00 in winter, and 07:00 from the end of March on."""
    monkeypatch.setattr(timezone, "now", lambda: dt.datetime(2026, 1, 31, 8, tzinfo=dt.UTC))
    assert post(client, body(time_zone="europe/berlin")).status_code == 201
    subscription = Subscription.objects.get()
    assert (subscription.time_zone, Order.objects.get().kind) == ("Europe/Berlin", "first")
    begin_due_periods(subscription=subscription, at=dt.datetime(2026, 2, 28, 8, tzinfo=dt.UTC))
    begin_due_periods(subscription=subscription, at=dt.datetime(2026, 3, 31, 7, tzinfo=dt.UTC))
    periods = BillingPeriod.objects.order_by("number")
    assert [f"{period.start:%m-%d %H:%M}" for period in periods] == ["01-31 08:00", "02-28 08:00", "03-31 07:00"]
    assert f"{Subscription.objects.get().renews_at:%m-%d %H:%M}" == "04-30 07:00"


@pytest.mark.parametrize("fields", [{}, {"time_zone": None}, {"time_zone": ""}])
def test_without_a_time_zone_the_shops_applies(
    transactional_db: None, coffee: Plan, client: Client, settings: Any, fields: dict[str, object]
) -> None:
    settings.SHOP_TIME_ZONE = "Pacific/Auckland"
    assert post(client, body(**fields)).status_code == 201
    assert Subscription.objects.get().time_zone == "Pacific/Auckland"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "+02:00", "Berlin"])
def test_an_unknown_time_zone_is_rejected(transactional_db: None, coffee: Plan, client: Client, zone: str) -> None:
    answer = post(client, body(time_zone=zone))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "time_zone")
    assert not Order.objects.exists()


def test_a_new_price_applies_to_new_customers_only(transactional_db: None, coffee: Plan, client: Client) -> None:
    assert post(client, body()).json()["order"]["amount"] == 1290
    change_price(coffee, amount=1490)
    assert client.get("/api/v1/plans/").json()[0]["amount"] == 1490
    assert post(client, body(), key="another").json()["order"]["amount"] == 1490
    assert sorted(row.price.amount for row in Subscription.objects.all()) == [1290, 1490]


def test_a_plan_outside_its_dates_is_not_for_sale(transactional_db: None, coffee: Plan, client: Client) -> None:
    Plan.objects.update(available_until=timezone.now())
    assert client.get("/api/v1/plans/").json() == []
    answer = post(client, body())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "plan")
