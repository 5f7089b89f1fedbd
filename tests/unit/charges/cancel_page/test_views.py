"""The cancel page: opening it changes nothing, its buttons do, in each language and without a login."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from charges import cancel_links
from charges.cancel_page import texts
from charges.models import Refund
from integrations import logs
from orders.models import Order
from subscriptions.models import CancelReason, Customer, PendingChange, Subscription, SubscriptionChange
from tests.support.days import Days
from tests.support.languages import LANGUAGES, in_language
from tests.support.subscriptions import put_in_status, status_and_reason, subscribed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.fixture
def subscription(days: Days) -> Subscription:
    """Active since March 1, digital, and paid."""
    return subscribed(days, amount=2490, plan={"is_digital": True})


def path_of(subscription: Subscription, rest: str = "") -> str:
    return f"/cancel/{cancel_links.token(subscription_id=subscription.pk)}/{rest}"


def press(client: Client, path: str, **fields: str) -> Any:
    """Open the page and press its button, as a browser does."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(path).text)
    return client.post(path, {**fields, "csrfmiddlewaretoken": found[1] if found else ""}, follow=True)


def state(response: Any) -> str:
    return re.search(r'data-state="(\w+)"', response.text)[1]  # type: ignore[index]


def in_locale(subscription: Subscription, locale: str) -> None:
    Customer.objects.filter(pk=subscription.customer_id).update(locale=locale)


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("rest", ["", "withdraw/"])
def test_a_mail_scanner_that_opens_the_link_changes_nothing(
    client: Client, subscription: Subscription, method: str, rest: str
) -> None:
    before = SubscriptionChange.objects.count()
    response = getattr(client, method)(path_of(subscription, rest) + "?when=now&reason=other")
    assert response.status_code == 200
    assert status_and_reason(subscription) == ("active", "")
    assert (SubscriptionChange.objects.count(), PendingChange.objects.count()) == (before, 0)


@pytest.mark.parametrize("rest", ["", "withdraw/"])
def test_a_form_of_another_site_changes_nothing(client: Client, subscription: Subscription, rest: str) -> None:
    assert client.post(path_of(subscription, rest), {"when": "now"}).status_code == 403
    assert status_and_reason(subscription) == ("active", "")


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ["Cancel your subscription", "At the end of the paid period, on April 1, 2026", "€24.90 every month",
                ">Cancel now<", "Withdraw from the contract", "Possible until March 15, 2026"]),
        ("de-AT", ["Abonnement kündigen", "am 1. April 2026", "24,90 jeden Monat", ">jetzt kündigen<",
                   "Vertrag widerrufen", "Möglich bis 15. März 2026"]),
        ("fr", ["Résilier votre contrat", "le 1 avril 2026", "24,90 € chaque mois", ">Notifier la résiliation<",
                "Renoncer au contrat ici", "jusqu’au 15 mars 2026"]),
    ],
)  # fmt: skip
def test_the_page_shows_the_subscription_in_the_customers_language(
    client: Client, subscription: Subscription, locale: str, words: list[str]
) -> None:
    in_locale(subscription, locale)
    text = client.get(path_of(subscription)).text.replace("\xa0", " ").replace("&#x27;", "'")
    assert f'<html lang="{locale[:2]}"' in text
    assert [word for word in words if word not in text] == []
    assert subscription.customer.name not in text and subscription.customer.email not in text


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
@pytest.mark.parametrize("texts_of", [texts.HEADINGS, texts.TEXTS, texts.REASONS])
def test_every_text_is_translated(language: str, texts_of: dict[str, Any]) -> None:
    assert [text for text in texts_of.values() if in_language(text, language) == in_language(text, "en")] == []


def test_every_reason_of_the_api_can_be_chosen() -> None:
    assert set(texts.REASONS) == set(CancelReason)


def test_a_cancellation_at_the_end_of_the_period(client: Client, subscription: Subscription, days: Days) -> None:
    response = press(client, path_of(subscription), when="period_end", reason="too_expensive")
    assert (response.status_code, state(response)) == (200, "planned")
    assert response.redirect_chain == [(path_of(subscription), 302)]
    for words in ("Your subscription is canceled", "March 1, 2026, 12:00:00", "April 1, 2026, 12:00:00"):
        assert words in response.text
    change = PendingChange.objects.get()
    assert (change.kind, change.reason, change.actor_kind) == ("cancel", "too_expensive", "customer")
    assert change.actor == str(subscription.customer_id)
    assert status_and_reason(subscription)[0] == "active"


def test_a_cancellation_at_once_refunds_the_unused_part(
    client: Client, subscription: Subscription, days: Days
) -> None:
    days.pass_(days=31 / 4)
    assert "about €18.68" in client.get(path_of(subscription)).text
    response = press(client, path_of(subscription), when="now")
    assert state(response) == "ended"
    assert "€18.68" in response.text
    assert status_and_reason(subscription) == ("canceled", "other")
    assert Refund.objects.get().amount == 1868


def test_a_second_press_shows_the_receipt_of_the_first(client: Client, subscription: Subscription, days: Days) -> None:
    press(client, path_of(subscription), when="period_end")
    page = client.get(path_of(subscription)).text
    days.pass_(days=1)
    csrf_token = client.cookies["csrftoken"].value  # of the form that is still open in another tab
    again = client.post(path_of(subscription), {"when": "now", "csrfmiddlewaretoken": csrf_token})
    assert (again.status_code, state(again)) == (200, "planned")
    assert "March 1, 2026, 12:00:00" in page and "March 1, 2026, 12:00:00" in again.text
    assert (PendingChange.objects.count(), status_and_reason(subscription)[0]) == (1, "active")


@pytest.mark.parametrize("status", ["past_due", "paused", "incomplete"])
def test_other_statuses_can_only_end_at_once(
    client: Client, subscription: Subscription, days: Days, status: str
) -> None:
    put_in_status(status)
    assert 'value="period_end"' not in client.get(path_of(subscription)).text
    refused = press(client, path_of(subscription), when="period_end")
    assert (refused.status_code, state(refused)) == (409, "form")
    assert "has changed meanwhile" in refused.text
    assert state(press(client, path_of(subscription), when="now")) == "ended"


@pytest.mark.parametrize("when", ["", "later"])
def test_nothing_happens_without_a_choice(client: Client, subscription: Subscription, when: str) -> None:
    response = press(client, path_of(subscription), when=when, reason="x" * 1000)
    assert (response.status_code, state(response)) == (422, "form")
    assert status_and_reason(subscription) == ("active", "")


def test_a_withdrawal_ends_the_subscription_and_refunds_all(
    client: Client, subscription: Subscription, days: Days
) -> None:
    days.pass_(days=10)
    assert "€24.90" in client.get(path_of(subscription, "withdraw/")).text
    response = press(client, path_of(subscription, "withdraw/"))
    assert (state(response), response.redirect_chain) == ("withdrawn", [(path_of(subscription), 302)])
    assert "March 11, 2026, 12:00:00" in response.text and "€24.90" in response.text
    assert (status_and_reason(subscription), Refund.objects.get().amount) == (("canceled", "withdrawal"), 2490)
    assert state(client.get(path_of(subscription, "withdraw/"), follow=True)) == "withdrawn"


def test_after_two_weeks_the_page_offers_no_withdrawal(
    client: Client, subscription: Subscription, days: Days
) -> None:
    open_page = press(client, path_of(subscription, "withdraw/x"))
    assert open_page.status_code == 404
    days.pass_(days=15)
    assert "Withdraw" not in client.get(path_of(subscription)).text
    late = client.get(path_of(subscription, "withdraw/"))
    assert (late.status_code, state(late)) == (410, "too_late")


@pytest.mark.parametrize("rest", ["", "withdraw/"])
def test_a_bad_link_shows_how_to_find_the_subscription(client: Client, rest: str) -> None:
    response = client.get(f"/cancel/nonsense/{rest}", headers={"Accept-Language": "de"})
    assert (response.status_code, state(response)) == (404, "bad_link")
    assert "Dieser Link funktioniert nicht" in response.text and 'href="/cancel/"' in response.text


def test_the_subscription_is_found_by_address_and_order_number(client: Client, subscription: Subscription) -> None:
    number, email = Order.objects.get().number, subscription.customer.email
    for typed in (number, number.lower().replace("-", " ")):
        response = press(client, "/cancel/", email=f" {email.upper()} ", order=typed)
        assert response.redirect_chain == [(path_of(subscription), 302)]
        assert state(response) == "form"


@pytest.mark.parametrize(
    ("email", "order"),
    [("other@example.com", None), ("", None), (None, "7K3M9-Q2XAB"), (None, ""), (None, "\x00"), ("\x00", None)],
)
def test_a_wrong_address_or_number_finds_nothing(
    client: Client, subscription: Subscription, email: str | None, order: str | None
) -> None:
    wrong = {
        "email": subscription.customer.email if email is None else email,
        "order": Order.objects.get().number if order is None else order,
    }
    response = press(client, "/cancel/", **wrong)
    assert (response.status_code, state(response)) == (422, "find")
    assert cancel_links.token(subscription_id=subscription.pk) not in response.text


@pytest.mark.parametrize("path", ["/cancel/", "form", "withdraw"])
def test_presses_are_limited(
    client: Client, subscription: Subscription, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("charges.throttles.PaymentAddressThrottle.rate", "1/min", raising=False)
    cache.clear()
    url = {"form": path_of(subscription), "withdraw": path_of(subscription, "withdraw/")}.get(path, path)
    codes = [press(client, "/cancel/").status_code, press(client, url).status_code]
    assert codes == [422, 429]
    assert status_and_reason(subscription) == ("active", "")


def test_without_the_database_the_page_says_so(
    client: Client, subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr("charges.cancel_page.views._subscription_of", fails)
    monkeypatch.setattr("orders.queries.order_by_number", fails)
    monkeypatch.setattr("charges.payment_page.access.database_is_away", lambda _: True)
    for response in (client.get(path_of(subscription)), press(client, "/cancel/", email="a@b.c", order="1")):
        assert (response.status_code, state(response)) == (503, "unavailable")


def test_the_link_stays_secret(client: Client, subscription: Subscription) -> None:
    response = client.get(path_of(subscription))
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert logs.redacted(f"GET {path_of(subscription)}") == "GET /cancel/[token]/"


def test_the_days_are_in_the_time_zone_of_the_subscription(client: Client, subscription: Subscription) -> None:
    end = dt.datetime(2026, 3, 31, 23, 30, tzinfo=dt.UTC)
    Subscription.objects.update(time_zone="Europe/Berlin", current_period_end=end, renews_at=end)
    assert "on April 1, 2026" in client.get(path_of(subscription)).text
