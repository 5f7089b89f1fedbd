from __future__ import annotations

import datetime as dt
import html
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.models import Notification
from notifications.rendering import emails, sms, wording
from notifications.rendering.content import parse

Kind = Notification.Kind
MAILS = [Kind.ORDER_CONFIRMATION, Kind.WELCOME, Kind.PAYMENT_FAILED, Kind.PAYMENT_ACTION_REQUIRED]
ODD_NAMES = [
    "<script>alert('x')</script>",
    'Robert"); DROP TABLE customers;--',
    "{{ params.secret }} {% if x %}",
    "Ann\r\nBcc: victim@example.com",
    "Ann\n\nA paragraph of my own",
    "李小龍",
    "محمد",
    "O'Neill & Søn",
    "\x00\x07\u2028",
    "",
    "a" * 200,
]


class Lines(list):
    def all(self) -> Lines:
        return self


def an_order(*, locale="en", name="Ann Lee", plan="Coffee", amount=1290, currency="EUR", quantity=2, digital=False):
    start = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    line = SimpleNamespace(description=plan, quantity=quantity, unit_amount=amount, amount=amount * quantity)
    return SimpleNamespace(
        number="7K3M9-Q2XAB",
        amount=amount * quantity,
        currency=currency,
        period_start=start,
        period_end=dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC),
        customer=SimpleNamespace(locale=locale, name=name),
        subscription=SimpleNamespace(plan=SimpleNamespace(name=plan, is_digital=digital)),
        lines=Lines([line]),
    )


@pytest.mark.parametrize(
    "locale", [*wording.LABELS, "de-AT", "en_GB", "fr-FR", "zh-Hant-TW", "", "x", "../../de", "de"]
)
@pytest.mark.parametrize("kind", MAILS)
@pytest.mark.parametrize("first", [True, False])
def test_every_mail_in_every_language(kind, locale, first):
    for digital in (True, False):
        mail = emails.render(kind=kind, order=an_order(locale=locale, digital=digital), first=first)
        for part in (mail.html, mail.text):
            assert "{{" not in part
            assert "{%" not in part
            assert "7K3M9-Q2XAB" in part
            assert "Ann Lee" in part
        assert "\n" not in mail.subject
        assert mail.subject
        assert f'lang="{wording.language_of(locale)}"' in mail.html


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("language", wording.LABELS)
@pytest.mark.parametrize("kind", MAILS)
def test_odd_names_stay_text(kind, language, name):
    mail = emails.render(kind=kind, order=an_order(locale=language, name=name, plan=f"<b>{name}"), first=True)

    assert "<script" not in mail.html
    assert "<b>" not in mail.html
    assert "{{" not in mail.html + mail.text + mail.subject
    assert html.escape(wording.printable(name)[:60], quote=True) in mail.html
    assert not any(character in mail.subject + mail.to_name for character in "\r\n\x00")
    assert len(mail.to_name) <= 70


def test_a_name_makes_no_paragraph_and_no_header():
    mail = emails.render(
        kind=Kind.WELCOME, order=an_order(name="Ann\n\nPlease pay here", plan="Tea\n\nSubject: x"), first=True
    )
    assert "Hello Ann Please pay here," in mail.text
    assert mail.subject == "Welcome to Corner Shop: order 7K3M9-Q2XAB is paid"


@given(locale=st.text(max_size=35), name=st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_locale_and_no_name_breaks_a_mail(locale, name):
    mail = emails.render(kind=Kind.WELCOME, order=an_order(locale=locale, name=name), first=True)
    assert "\n" not in mail.to_name
    mail.html.encode()


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (1290, "EUR", "en", "€12.90"),
        (1290, "EUR", "de", "12,90\xa0€"),
        (123456789, "EUR", "de", "1.234.567,89\xa0€"),
        (1290, "EUR", "de-AT", "€\xa012,90"),
        (5, "USD", "en", "$0.05"),
        (1290, "JPY", "en", "¥1,290"),
        (1290, "JPY", "de", "1.290\xa0¥"),
        (1290, "KRW", "en", "₩1,290"),
        (1290, "XOF", "en", "F\u202fCFA\xa01,290"),
        (12345, "KWD", "en", "KWD\xa012.345"),
        (1290, "CHF", "de-CH", "CHF\xa012.90"),
        # Charged in hundredths, though the CLDR gives them no decimals.
        (1290, "ISK", "en", "ISK\xa012.90"),
        (1290, "UGX", "en", "UGX\xa012.90"),
        (1290, "RSD", "en", "RSD\xa012.90"),
        (1290, "EUR", "fr-FR", "€12.90"),
    ],
)
def test_amounts(amount, currency, locale, text):
    assert wording.money(amount=amount, currency=currency, formats=wording.formats_of(locale)) == text


def test_the_shared_pattern_is_left_as_it_is():
    formats = wording.formats_of("en")
    wording.money(amount=1, currency="KWD", formats=formats)
    assert formats.currency_formats["standard"].frac_prec == (2, 2)


def test_a_receipt_says_paid_and_a_confirmation_does_not():
    confirmation = emails.render(kind=Kind.ORDER_CONFIRMATION, order=an_order(), first=True)
    welcome = emails.render(kind=Kind.WELCOME, order=an_order(), first=True)
    assert "paid" not in (confirmation.text + confirmation.subject).lower()
    assert "is paid" in welcome.subject


@pytest.mark.parametrize("language", wording.LABELS)
@pytest.mark.parametrize(("amount", "currency"), [(99_999_99, "EUR"), (1290, "JPY"), (12345, "KWD")])
def test_an_sms_fits_one_part_of_the_cheap_alphabet(language, amount, currency):
    from integrations.brevo.facts import GSM_ALPHABET

    text = sms.render(kind=Kind.ORDER_PAID, order=an_order(locale=language, amount=amount, currency=currency))
    assert GSM_ALPHABET.issuperset(text)
    assert len(text) <= 160
    assert "7K3M9-Q2XAB" in text


@pytest.mark.parametrize(
    ("name", "parts"),
    [("Ann Lee", ("Ann", "Lee")), ("Ann", ("Ann", "")), ("", ("", "")), ("Ann Marie  Lee ", ("Ann Marie", "Lee"))],
)
def test_names_are_split(name, parts):
    assert wording.split_name(name) == parts


def test_a_template_is_a_subject_a_heading_and_paragraphs():
    content = parse("Subject\nHeading\n\nOne\nline\n\n\n\nTwo\n")
    assert (content.subject, content.heading, content.paragraphs) == ("Subject", "Heading", ("One line", "Two"))
