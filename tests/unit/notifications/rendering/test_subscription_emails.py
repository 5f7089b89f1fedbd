"""Mails about a subscription: in each language, with the facts that the law wants and the link to cancel."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from types import SimpleNamespace
from typing import Any

import pytest

from notifications.rendering import subscription_emails
from notifications.rendering.emails import RenderedEmail
from notifications.rendering.subscription_emails import PriceChange, SubscriptionContext
from subscriptions.locales import language_of
from subscriptions.queries import Cancellation
from tests.support.languages import LANGUAGES
from tests.support.messages import CANCEL_URL, NEXT_CHARGE, PRICE, SUBSCRIPTION_KINDS, Kind

LOG_IN = "https://shop.example.com/login/"
AT = dt.datetime(2026, 2, 3, 9, 30, tzinfo=dt.UTC)
DEARER: Any = SimpleNamespace(amount=1500, currency="EUR", interval="month", interval_count=1)
CONTEXT = SubscriptionContext(next_charge=NEXT_CHARGE, brand="visa", last4="4242", cancel_url=CANCEL_URL)
CONTEXTS = {
    Kind.TRIAL_ENDING: CONTEXT,
    Kind.RENEWAL_REMINDER: CONTEXT,
    Kind.CARD_EXPIRING: dataclasses.replace(CONTEXT, expiry="03/2026", log_in_url=LOG_IN),
    Kind.PRICE_CHANGE: dataclasses.replace(
        CONTEXT, price_change=PriceChange(old=PRICE, new=DEARER, quantity=2, at=NEXT_CHARGE.at)
    ),
    Kind.PLAN_CHANGED: CONTEXT,
    Kind.PLAN_CHANGE_DROPPED: dataclasses.replace(CONTEXT, log_in_url=LOG_IN),
    Kind.CANCELLATION_RECEIVED: SubscriptionContext(
        cancellation=Cancellation(received_at=AT, ends_at=NEXT_CHARGE.at), cancel_url=CANCEL_URL
    ),
    Kind.WITHDRAWAL_RECEIVED: SubscriptionContext(
        cancellation=Cancellation(received_at=AT, ends_at=AT, is_withdrawal=True, refund=2580)
    ),
}


def render(
    kind: Kind,
    *,
    locale: str = "en",
    name: str = "Ann Lee",
    plan: str = "Coffee",
    zone: str = "UTC",
    digital: bool = False,
    context: SubscriptionContext | None = None,
) -> RenderedEmail:
    subscription: Any = SimpleNamespace(
        plan=SimpleNamespace(name=plan, is_digital=digital),
        price=PRICE,
        quantity=2,
        time_zone=zone,
        customer=SimpleNamespace(locale=locale, name=name),
    )
    return subscription_emails.render(kind=kind, subscription=subscription, context=context or CONTEXTS[kind])


def test_every_kind_has_a_context() -> None:
    assert set(CONTEXTS) == set(SUBSCRIPTION_KINDS)


@pytest.mark.parametrize("locale", [*LANGUAGES, "de-AT", "eo", "", "../../de"])
@pytest.mark.parametrize("kind", SUBSCRIPTION_KINDS)
def test_every_kind_is_rendered_in_every_language(kind: Kind, locale: str) -> None:
    mail = render(kind, locale=locale)
    assert mail.subject and "\n" not in mail.subject
    assert f'lang="{language_of(locale)}"' in mail.html
    for part in (mail.html, mail.text):
        assert "Ann Lee" in part and "2 × Coffee" in part and "{{" not in part and "{%" not in part
        assert "None" not in part


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
@pytest.mark.parametrize("kind", SUBSCRIPTION_KINDS)
def test_no_english_is_left_in_a_translation(kind: Kind, language: str) -> None:
    english, translated = render(kind).text.splitlines(), render(kind, locale=language).text.splitlines()
    same = {line for line in english if line in translated and line.strip()}
    assert same <= {CANCEL_URL, LOG_IN, "Corner Shop", "-" * 40, "Plan: 2 × Coffee"}


@pytest.mark.parametrize("kind", SUBSCRIPTION_KINDS)
@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "{{ params.secret }}", "Ann\r\nBcc: x@example.com", ""])
def test_markup_in_a_name_is_escaped(kind: Kind, name: str) -> None:
    mail = render(kind, name=name, plan=f"<b>{name}")
    assert "<script" not in mail.html and "<b>" not in mail.html and "{{" not in mail.html + mail.text
    assert "\n" not in mail.subject + mail.to_name


@pytest.mark.parametrize("kind", [kind for kind in SUBSCRIPTION_KINDS if kind != Kind.WITHDRAWAL_RECEIVED])
@pytest.mark.parametrize(
    ("locale", "words"),
    [("en", "Cancel contracts here"), ("de", "Verträge hier kündigen"), ("fr", "Résilier votre contrat")],
)
def test_a_mail_about_money_links_to_the_cancel_page(kind: Kind, locale: str, words: str) -> None:
    mail = render(kind, locale=locale)
    assert CANCEL_URL in mail.text.splitlines() and f'href="{CANCEL_URL}"' in mail.html
    assert words in mail.text and words in mail.html
    assert "about your order" not in mail.text and "about an account" not in mail.text


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (
            Kind.TRIAL_ENDING,
            ["Price: €25.80 every month", "Next payment: February 28, 2026, €25.80", "Card: Visa •••• 4242"],
        ),
        (Kind.RENEWAL_REMINDER, ["Price: €25.80 every month", "Next payment: February 28, 2026, €25.80"]),
        (Kind.CARD_EXPIRING, ["Card: Visa •••• 4242", "Card valid until: 03/2026", LOG_IN]),
        (
            Kind.PRICE_CHANGE,
            ["Price so far: €25.80 every month", "New price: €30.00 every month", "Valid from: February 28, 2026"],
        ),
        (Kind.PLAN_CHANGED, ["You now have 2 × Coffee.", "Next payment: February 28, 2026, €25.80"]),
        (Kind.PLAN_CHANGE_DROPPED, ["Plan: 2 × Coffee", LOG_IN]),
        (
            Kind.CANCELLATION_RECEIVED,
            ["Received on: February 3, 2026, 9:30:00 AM UTC", "Ends on: February 28, 2026, 12:00:00 PM UTC"],
        ),
        (Kind.WITHDRAWAL_RECEIVED, ["Received on: February 3, 2026, 9:30:00 AM UTC", "Refund: €25.80"]),
    ],
)
def test_the_facts_are_stated(kind: Kind, lines: list[str]) -> None:
    assert set(lines) <= {re.sub(r"\u202f", " ", line) for line in render(kind).text.splitlines()}


def test_days_are_in_the_time_zone_of_the_subscription() -> None:
    late = dataclasses.replace(
        CONTEXT, next_charge=dataclasses.replace(NEXT_CHARGE, at=dt.datetime(2026, 2, 27, 23, 30, tzinfo=dt.UTC))
    )
    assert "renews on February 28, 2026" in render(Kind.RENEWAL_REMINDER, zone="Europe/Berlin", context=late).subject


@pytest.mark.parametrize("kind", [Kind.TRIAL_ENDING, Kind.RENEWAL_REMINDER])
def test_a_card_that_is_not_known_is_not_named(kind: Kind) -> None:
    mail = render(kind, context=dataclasses.replace(CONTEXT, last4="", brand=""))
    assert "••••" not in mail.text and "to your card." in mail.text


def test_a_cancellation_at_once_does_not_promise_a_later_end() -> None:
    now = SubscriptionContext(cancellation=Cancellation(received_at=AT, ends_at=AT))
    assert "has ended" in render(Kind.CANCELLATION_RECEIVED, context=now).text
    assert "has ended" not in render(Kind.CANCELLATION_RECEIVED).text


def test_only_goods_have_to_be_sent_back() -> None:
    assert "send it back" in render(Kind.WITHDRAWAL_RECEIVED).text
    assert "send it back" not in render(Kind.WITHDRAWAL_RECEIVED, digital=True).text


def test_a_reminder_states_the_plan_that_the_customer_has_planned() -> None:
    tea: Any = SimpleNamespace(**{**vars(PRICE), "amount": 700, "plan": SimpleNamespace(name="Tea")})
    planned = dataclasses.replace(NEXT_CHARGE, amount=2100, price=tea, quantity=3)
    mail = render(Kind.RENEWAL_REMINDER, context=dataclasses.replace(CONTEXT, next_charge=planned))
    assert {"Plan: 3 × Tea", "Price: €21.00 every month"} <= set(mail.text.splitlines())
