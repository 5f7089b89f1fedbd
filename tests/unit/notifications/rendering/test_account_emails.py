"""Mails about an account: in each language, with link and code, and without a name if the reader is not verified."""

from __future__ import annotations

import dataclasses
import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from notifications.rendering import account_emails
from notifications.rendering.account_emails import AccountContext
from subscriptions.locales import language_of
from tests.support.languages import LANGUAGES
from tests.support.messages import ACCOUNT_KINDS, Kind

URL = "https://shop.example.com/login/0199f3a0-0000.a-b_c/"
CONTEXT = AccountContext(url=URL, code="012345", last_day=dt.date(2026, 3, 3))
ODD_NAMES = ["<script>alert(1)</script>", "{{ params.secret }}", "Ann\r\nBcc: victim@example.com", "", "a" * 200]


NOTICES = [Kind.PASSWORD_CHANGED, Kind.EMAIL_CHANGE_NOTICE, Kind.EMAIL_CHANGED]


def render(kind: Kind, *, context: AccountContext = CONTEXT, **customer: Any) -> account_emails.RenderedEmail:
    values: Any = SimpleNamespace(**{"locale": "en", "name": "Ann Lee", **customer})
    if kind in NOTICES:
        context = dataclasses.replace(context, url="")
    return account_emails.render(kind=kind, customer=values, context=context)


@pytest.mark.parametrize("locale", [*LANGUAGES, "de-AT", "eo", "", "../../de"])
@pytest.mark.parametrize("kind", ACCOUNT_KINDS)
def test_every_kind_is_rendered_in_every_language(kind: Kind, locale: str) -> None:
    mail = render(kind, locale=locale)
    assert mail.subject and "\n" not in mail.subject
    assert f'lang="{language_of(locale)}"' in mail.html
    for part in (mail.html, mail.text):
        assert "Ann Lee" in part and "{{" not in part and "{%" not in part
        assert "012345" in part


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "en"])
@pytest.mark.parametrize("kind", ACCOUNT_KINDS)
def test_no_english_is_left_in_a_translation(kind: Kind, language: str) -> None:
    english, translated = render(kind).text.splitlines(), render(kind, locale=language).text.splitlines()
    same = {line for line in english if line in translated and line.strip()}
    assert same <= {"012345", URL, "Corner Shop"}


@pytest.mark.parametrize("kind", ACCOUNT_KINDS)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_markup_in_a_name_is_escaped(kind: Kind, name: str) -> None:
    mail = render(kind, name=name)
    assert "<script" not in mail.html and "{{" not in mail.html + mail.text
    assert "\n" not in mail.subject + mail.to_name
    assert len(mail.to_name) <= 70


def test_an_anonymous_mail_contains_no_name() -> None:
    mail = render(Kind.EMAIL_CHANGE_CONFIRMATION, context=AccountContext(url=URL, anonymous=True))
    assert mail.to_name == ""
    assert "Ann" not in mail.html + mail.text
    assert "Hello," in mail.text


def test_a_mail_about_an_account_mentions_no_order() -> None:
    for kind in ACCOUNT_KINDS:
        mail = render(kind)
        assert "Billing period" not in mail.html + mail.text and "about your order" not in mail.html + mail.text
        assert "about an account at Corner Shop" in mail.text


def test_the_link_is_printed_unchanged_with_its_label() -> None:
    mail = render(Kind.LOGIN_MAIL)
    assert f"Log in: \n{URL}\n" in mail.text
    assert f'href="{URL}"' in mail.html
    assert "Pay now" not in mail.html + mail.text


@pytest.mark.parametrize("kind", NOTICES)
def test_a_notice_has_neither_link_nor_code(kind: Kind) -> None:
    mail = render(kind, context=AccountContext())
    assert "http" not in mail.text and "012345" not in mail.text
