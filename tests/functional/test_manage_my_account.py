"""A logged-in customer, or the shop's back end for the customer, reads and changes the account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from django.utils import timezone

from orders.models import Order
from subscriptions.models import ApiKey, Customer, PendingChange, Subscription, SubscriptionChange, User
from tests.support.accounts import BackEnd, Browser, customer_with_login, deliver
from tests.support.deliveries import published
from tests.support.factories import make_order
from tests.support.sandboxes import BrevoSandbox

pytestmark = pytest.mark.django_db

MAX_QUERIES = 8
NOBODY = "6f1c2a0e-8a0b-4f6e-9a53-3a8f0c0b7d11"
# Every endpoint below ``me/``: method, path, body. ``{subscription}`` and ``{order}`` are rows of Bob.
READS = ["me/", "me/subscriptions/", "me/orders/"]
OF_BOB = [
    "me/subscriptions/{subscription}/",
    "me/subscriptions/{subscription}/cancel/",
    "me/subscriptions/{subscription}/balance/",
    "me/orders/{order}/",
]
CHANGES = [("patch", "me/", {"name": "Ann Brown"})]
# The actions of a customer on a subscription: the last part of the path, and a valid body.
ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("cancel", {"when": "now"}),
    ("change", {"quote": NOBODY}),
    ("pause", {"when": "now"}),
    ("preview", {"quantity": 2}),
    ("reinstate", {}),
    ("resume", {}),
    ("skip", {"period": 1}),
    ("undo", {}),
    ("unskip", {"period": 1}),
]
NEED_LOGIN = [
    ("post", "me/email/", {"email": "new@example.com"}),
    ("post", "me/email/confirm/", {"token": "x"}),
    ("post", "me/erasure/", {"export_declined": True}),
]
# Reads that an API key may not do; test_erase_my_account.py has more about them.
READS_OF_SESSION = ["me/export/", "me/erasure/"]


@pytest.fixture
def ann(db: None) -> Customer:
    return customer_with_login()


@pytest.fixture
def bob(db: None) -> Customer:
    return customer_with_login(email="bob@example.com", name="Bob")


@pytest.fixture
def browser(ann: Customer) -> Browser:
    return Browser().log_in(ann)


def me_paths(resolver: Any = None, start: str = "") -> Iterator[str]:
    for route in (resolver or get_resolver()).url_patterns:
        path = start + str(route.pattern)
        if hasattr(route, "url_patterns"):
            yield from me_paths(route, path)
        elif path.startswith("api/v1/me/"):
            yield path.removeprefix("api/v1/")


def in_use(path: str) -> str:
    return path.replace("{subscription}", "<uuid:subscription_id>").replace("{order}", "<str:number>")


def test_the_tests_below_know_every_endpoint() -> None:
    reads = [*READS, *READS_OF_SESSION, *OF_BOB]
    known = {in_use(path) for path in reads} | {path for _, path, _ in [*CHANGES, *NEED_LOGIN]}
    known |= {in_use(f"me/subscriptions/{{subscription}}/{action}/") for action, _ in ACTIONS}
    payments = {path for path in me_paths() if path.startswith("me/payment-methods/")}  # test_manage_my_cards.py
    assert set(me_paths()) - payments == known


# Access


@pytest.mark.parametrize("path", [*READS, *READS_OF_SESSION, *OF_BOB])
def test_a_read_without_a_login_is_rejected(ann: Customer, bob: Customer, path: str) -> None:
    order = make_order(customer=bob)
    response = Browser().get(path.format(subscription=order.subscription_id, order=order.number))
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path", "body"), [*CHANGES, *NEED_LOGIN])
def test_a_change_without_a_login_is_rejected(ann: Customer, method: str, path: str, body: Any) -> None:
    assert Browser().start().call(method, path, body).status_code in (401, 403)


@pytest.mark.parametrize("path", OF_BOB)
@pytest.mark.parametrize("with_key", [False, True])
def test_objects_of_another_customer_are_a_404(
    ann: Customer, bob: Customer, browser: Browser, path: str, with_key: bool
) -> None:
    order = make_order(customer=bob)
    path = path.format(subscription=order.subscription_id, order=order.number)
    caller = BackEnd(customer=ann) if with_key else browser
    assert caller.get(path).status_code == 404
    assert (BackEnd(customer=bob) if with_key else Browser().log_in(bob)).get(path).status_code == 200


@pytest.mark.parametrize(("action", "body"), ACTIONS)
def test_nobody_acts_on_a_subscription_of_another_customer(
    ann: Customer, bob: Customer, browser: Browser, action: str, body: Any
) -> None:
    subscription = make_order(customer=bob).subscription
    Subscription.objects.update(status="active")
    before = Subscription.objects.values().get()

    assert Browser().start().act(subscription, action, body).status_code in (401, 403)
    assert browser.act(subscription, action, body).status_code == 404
    assert BackEnd(customer=ann).act(subscription, action, body).status_code == 404
    assert BackEnd(customer=bob, scopes=["customers.read"]).act(subscription, action, body).status_code == 403
    without_token = Browser().log_in(bob)
    without_token.csrf = ""
    assert without_token.act(subscription, action, body).status_code == 403

    assert Subscription.objects.values().get() == before
    assert not SubscriptionChange.objects.exists() and not PendingChange.objects.exists()


def test_lists_show_own_rows_only(ann: Customer, bob: Customer, browser: Browser) -> None:
    make_order(customer=bob)
    mine = make_order(customer=ann)
    assert [row["number"] for row in browser.get("me/orders/").json()["results"]] == [mine.number]
    assert [row["id"] for row in browser.get("me/subscriptions/").json()["results"]] == [str(mine.subscription_id)]


@pytest.mark.parametrize(("method", "path", "body"), [*CHANGES, *NEED_LOGIN])
def test_a_session_changes_nothing_without_a_csrf_token(browser: Browser, method: str, path: str, body: Any) -> None:
    browser.csrf = ""
    assert browser.call(method, path, body).status_code == 403
    assert Customer.objects.get().name == "Ann Lee"


@pytest.mark.parametrize("path", [*READS, *READS_OF_SESSION])
def test_staff_are_no_customers(ann: Customer, path: str) -> None:
    staff = Client()
    staff.force_login(User.objects.create_superuser("staff@example.com"))
    assert staff.get(f"/api/v1/{path}").status_code == 403


def test_a_login_without_a_customer_reads_nothing(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("nobody@example.com"))
    assert client.get("/api/v1/me/").status_code == 403


def test_a_session_cannot_act_for_another_customer(ann: Customer, bob: Customer, browser: Browser) -> None:
    named = {"headers": {"Shop-Customer": str(bob.pk)}}
    assert browser.http.get("/api/v1/me/", **named).status_code == 404
    assert browser.http.get("/api/v1/me/", headers={"Shop-Customer": str(ann.pk)}).status_code == 200


# API keys


@pytest.mark.parametrize("path", READS)
def test_the_back_end_reads_for_a_customer(ann: Customer, path: str) -> None:
    assert BackEnd(customer=ann).get(path).status_code == 200


@pytest.mark.parametrize("path", READS_OF_SESSION)
def test_the_back_end_does_not_read_what_needs_the_customers_own_login(ann: Customer, path: str) -> None:
    assert BackEnd(customer=ann).get(path).status_code == 403


def test_the_back_end_changes_for_a_customer(ann: Customer) -> None:
    assert BackEnd(customer=ann).call("patch", "me/", {"name": "Ann Brown"}).status_code == 200
    assert Customer.objects.get().name == "Ann Brown"


@pytest.mark.parametrize(("method", "path", "body"), NEED_LOGIN)
def test_the_back_end_does_nothing_that_needs_the_customers_own_login(
    ann: Customer, method: str, path: str, body: Any
) -> None:
    assert BackEnd(customer=ann).call(method, path, body).status_code == 403
    assert published()["EmailChangeRequested"] == 0


@pytest.mark.parametrize("named", ["", "not-an-id", NOBODY])
def test_the_back_end_must_name_a_customer(ann: Customer, named: str) -> None:
    back_end = BackEnd()
    headers = {**back_end.headers(), **({"Shop-Customer": named} if named else {})}
    response = Client().get("/api/v1/me/", headers=headers)
    assert response.status_code == (404 if named else 400)


@pytest.mark.parametrize(
    ("scopes", "reads", "changes"),
    [
        (["checkout"], 403, 403),
        (["customers.read"], 200, 403),
        (["customers.write"], 403, 200),
        (["customers.read", "customers.write"], 200, 200),
    ],
)
def test_a_key_does_what_its_scopes_say(ann: Customer, scopes: list[str], reads: int, changes: int) -> None:
    back_end = BackEnd(scopes=scopes, customer=ann)
    assert back_end.get("me/").status_code == reads
    assert back_end.call("patch", "me/", {"name": "Ann Brown"}).status_code == changes


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: ApiKey.objects.update(revoked_at=timezone.now()) and key,
        lambda key: ApiKey.objects.update(expires_at=timezone.now()) and key,
        lambda key: ApiKey.objects.all().delete() and key,
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: "shopkey_",
        lambda key: "shopkey_é_x",
        lambda key: key.rpartition("_")[0],
    ],
)
def test_a_key_that_is_not_valid_is_refused(ann: Customer, spoil: Any) -> None:
    back_end = BackEnd(customer=ann)
    back_end.key = spoil(back_end.key)
    response = back_end.get("me/")
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_key_opens_neither_the_admin_nor_the_refunds(ann: Customer) -> None:
    back_end = BackEnd()
    assert back_end.get("refunds/?order=7K3M9-Q2XAB").status_code == 403
    assert Client().get("/admin/", headers=back_end.headers()).status_code == 302


def test_a_key_is_limited_on_its_own(ann: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    from subscriptions.api.throttles import ApiKeyThrottle

    monkeypatch.setattr(ApiKeyThrottle, "rate", "2/hour", raising=False)
    first, second = BackEnd(customer=ann), BackEnd(customer=ann)
    assert [first.get("me/").status_code for _ in range(3)] == [200, 200, 429]
    assert second.get("me/").status_code == 200
    assert Browser().log_in(ann).get("me/").status_code == 200


def test_a_customer_is_limited_on_their_own(
    ann: Customer, bob: Customer, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from subscriptions.api.throttles import AccountThrottle

    monkeypatch.setattr(AccountThrottle, "rate", "2/hour", raising=False)
    responses = [browser.get("me/") for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert int(responses[-1].headers["Retry-After"]) > 3000
    assert Browser().log_in(bob).get("me/").status_code == 200


# Reading and changing


def test_the_account_shows_the_customers_data(ann: Customer, browser: Browser) -> None:
    response = browser.get("me/")
    assert response.json() == {
        "id": str(ann.pk),
        "email": "Ann.Lee@example.com",
        "name": "Ann Lee",
        "phone": "+4915112345678",
        "locale": "en",
        "marketing_consent": False,
        "sms_consent": True,
    }
    assert response.headers["Cache-Control"] == "no-store"


def test_changes_reach_the_row_and_are_announced_once(browser: Browser) -> None:
    changes = {"name": "Ann Brown", "phone": "+49 30 123456", "locale": "de-AT", "marketing_consent": True}
    assert browser.call("patch", "me/", changes).json()["phone"] == "+4930123456"
    ann = Customer.objects.get()
    assert (ann.name, ann.phone, ann.locale, ann.marketing_consent) == ("Ann Brown", "+4930123456", "de-AT", True)
    assert ann.sms_consent and ann.email == "Ann.Lee@example.com"
    assert published()["CustomerUpdated"] == 1


@pytest.mark.django_db(transaction=True)
def test_a_change_reaches_brevo_and_dixa(transactional_db: None, brevo_sandbox: BrevoSandbox) -> None:
    browser = Browser().log_in(customer_with_login())
    browser.call("patch", "me/", {"name": "Ann Brown", "marketing_consent": True})
    assert deliver("BrevoQueue") == ["brevo.sync_contact"] and deliver("DixaQueue") == ["dixa.sync_end_user"]
    [contact] = brevo_sandbox.records("contacts")
    assert "Brown" in str(contact)


def test_a_change_to_the_same_values_is_not_announced(browser: Browser) -> None:
    assert browser.call("patch", "me/", {"name": "Ann Lee", "sms_consent": True}).status_code == 200
    assert published()["CustomerUpdated"] == 0


def test_the_phone_can_be_removed(browser: Browser) -> None:
    assert browser.call("patch", "me/", {"phone": ""}).status_code == 200
    assert Customer.objects.get().phone == ""


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"email": "other@example.com"}, 400),
        ({"user": NOBODY}, 400),
        ({"name": ""}, 400),
        ({"name": 5}, 400),
        ({"sms_consent": "yes"}, 400),
        ({"phone": "12"}, 422),
        ({"locale": "german"}, 422),
        ([], 400),
    ],
)
def test_an_invalid_request_changes_nothing(browser: Browser, changes: Any, status: int) -> None:
    response = browser.call("patch", "me/", changes)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert published()["CustomerUpdated"] == 0


def many_orders(ann: Customer, number: int) -> list[Order]:
    first = make_order(customer=ann)
    orders = [first]
    for period in range(1, number):
        start = first.period_end + dt.timedelta(days=31 * period)
        orders.append(make_order(customer=ann, subscription=first.subscription, start=start))
    return orders


@pytest.mark.parametrize("path", READS)
def test_a_read_needs_few_queries_however_much_there_is(ann: Customer, browser: Browser, path: str) -> None:
    many_orders(ann, 12)
    for caller in (browser, BackEnd(customer=ann)):
        caller.get(path)  # the first use of a key notes it
        with CaptureQueriesContext(connection) as queries:
            assert caller.get(path).status_code == 200
        assert len(queries) <= MAX_QUERIES


def test_pages_follow_each_other_newest_first(ann: Customer, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from integrations.web.pagination import NewestFirst

    monkeypatch.setattr(NewestFirst, "page_size", 2)
    orders = many_orders(ann, 5)
    seen, url = [], "/api/v1/me/orders/"
    while url:
        page = browser.http.get(url).json()
        seen += [row["number"] for row in page["results"]]
        url = page["next"]
    assert seen == [order.number for order in reversed(orders)]
