from __future__ import annotations

import datetime as dt
import html
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charges.declines.codes import EXPIRED
from notifications.models import Notification
from notifications.rendering import emails, formatting, sms
from notifications.rendering.content import parse
from notifications.rendering.message_context import MessageContext, Outcome, PaymentPage, Refunded
from subscriptions.locales import language_of
from tests.support.languages import LANGUAGES, in_language

Kind = Notification.Kind
MAILS = [kind for kind in Kind if kind != Kind.ORDER_PAID]
TEXTS = [Kind.ORDER_PAID, Kind.PAYMENT_FAILED, Kind.PAYMENT_ACTION_REQUIRED]
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


# As it is, with what a signature may hold; the braces show that nothing is replaced in it.
URL = "https://shop.example.com/pay/0199f3a0:1795166102:a-b_c={x}/"
PAGE = PaymentPage(url=URL, last_day=dt.date(2026, 3, 3))


def context_of(kind, *, outcome=Outcome.PAST_DUE, first=True):
    """What a message of this kind tells, with everything that it may tell."""
    with_page = kind not in (Kind.ORDER_CONFIRMATION, Kind.WELCOME, Kind.REFUND_SUCCEEDED, Kind.REFUND_FAILED)
    return MessageContext(
        first=first,
        page=PAGE if with_page else None,
        next_attempt_at=dt.datetime(2026, 2, 28, 9, tzinfo=dt.UTC),
        to_confirm=kind == Kind.PAYMENT_ACTION_REQUIRED,
        outcome=outcome,
        refunded=Refunded(amount=500, currency="EUR", whole=False),
    )


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
    "locale", [*LANGUAGES, "de-AT", "en_GB", "it-IT", "zh-Hant-TW", "", "x", "../../de", "de"]
)
@pytest.mark.parametrize("kind", MAILS)
@pytest.mark.parametrize("first", [True, False])
def test_every_mail_in_every_language(kind, locale, first):
    for digital in (True, False):
        order = an_order(locale=locale, digital=digital)
        mail = emails.render(kind=kind, order=order, context=context_of(kind, first=first))
        for part in (mail.html, mail.text):
            assert "{{" not in part
            assert "{%" not in part
            assert "7K3M9-Q2XAB" in part
            assert "Ann Lee" in part
        assert "\n" not in mail.subject
        assert mail.subject
        assert f'lang="{language_of(locale)}"' in mail.html


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", MAILS)
def test_odd_names_stay_text(kind, language, name):
    order = an_order(locale=language, name=name, plan=f"<b>{name}")
    mail = emails.render(kind=kind, order=order, context=context_of(kind))

    assert "<script" not in mail.html
    assert "<b>" not in mail.html
    assert "{{" not in mail.html + mail.text + mail.subject
    assert html.escape(formatting.printable(name)[:60], quote=True) in mail.html
    assert not any(character in mail.subject + mail.to_name for character in "\r\n\x00")
    assert len(mail.to_name) <= 70


def test_a_name_makes_no_paragraph_and_no_header():
    mail = emails.render(kind=Kind.WELCOME, order=an_order(name="Ann\n\nPlease pay here", plan="Tea\n\nSubject: x"))
    assert "Hello Ann Please pay here," in mail.text
    assert mail.subject == "Welcome to Corner Shop: order 7K3M9-Q2XAB is paid"


@given(locale=st.text(max_size=35), name=st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_locale_and_no_name_breaks_a_mail(locale, name):
    mail = emails.render(kind=Kind.WELCOME, order=an_order(locale=locale, name=name))
    assert "\n" not in mail.to_name
    mail.html.encode()


def test_a_receipt_says_paid_and_a_confirmation_does_not():
    confirmation = emails.render(kind=Kind.ORDER_CONFIRMATION, order=an_order())
    welcome = emails.render(kind=Kind.WELCOME, order=an_order())
    assert "paid" not in (confirmation.text + confirmation.subject).lower()
    assert "is paid" in welcome.subject


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("amount", "currency"), [(99_999_99, "EUR"), (1290, "JPY"), (12345, "KWD")])
def test_an_sms_fits_one_part_of_the_cheap_alphabet(kind, language, amount, currency):
    from integrations.brevo.facts import GSM_ALPHABET

    text = sms.render(kind=kind, order=an_order(locale=language, amount=amount, currency=currency))
    assert GSM_ALPHABET.issuperset(text)
    assert len(text) <= 160
    assert "7K3M9-Q2XAB" in text


WITH_A_LINK = [
    Kind.PAYMENT_FAILED,
    Kind.PAYMENT_ACTION_REQUIRED,
    Kind.PAYMENT_REMINDER,
    Kind.PAYMENT_LINK,
    Kind.DUNNING_EXHAUSTED,
]


@pytest.mark.parametrize("kind", WITH_A_LINK)
@pytest.mark.parametrize(
    ("locale", "until"),
    [("en", "until March 3, 2026"), ("de-AT", "bis zum 3. März 2026"), ("fr", "jusqu’au 3 mars 2026")],
)
def test_the_link_is_a_button_and_an_address_as_it_is(kind, locale, until):
    mail = emails.render(kind=kind, order=an_order(locale=locale), context=context_of(kind))

    assert f'<a href="{URL}"' in mail.html
    assert URL in mail.text.splitlines()
    assert until in mail.text
    assert until in mail.html


@pytest.mark.parametrize("kind", [kind for kind in MAILS if kind not in WITH_A_LINK])
def test_where_nothing_is_to_be_paid_there_is_no_link(kind):
    mail = emails.render(kind=kind, order=an_order(), context=context_of(kind))
    assert "http" not in mail.text
    assert "<a " not in mail.html


def test_an_address_cannot_leave_its_attribute():
    page = PaymentPage(url='https://x/"><script>', last_day=dt.date(2026, 3, 3))
    mail = emails.render(kind=Kind.PAYMENT_LINK, order=an_order(), context=MessageContext(page=page))
    assert "<script" not in mail.html


@pytest.mark.parametrize(("locale", "words"), [("en", "On February 28, 2026 we"), ("de", "Am 28. Februar 2026 ver")])
def test_a_planned_try_is_announced_and_none_is_not(locale, words):
    order = an_order(locale=locale)
    assert words in emails.render(kind=Kind.PAYMENT_FAILED, order=order, context=context_of(Kind.PAYMENT_FAILED)).text
    mail = emails.render(kind=Kind.PAYMENT_FAILED, order=order, context=MessageContext(page=PAGE))
    assert "automatically" not in mail.text
    assert "von uns aus" not in mail.text


@pytest.mark.parametrize(
    ("locale", "to_confirm", "words"),
    [
        ("en", False, ("The card has expired", "with another card", "Pay now")),
        ("en", True, ("waiting for you to confirm", "Confirm the payment")),
        ("de", False, ("Die Karte ist abgelaufen", "mit einer anderen Karte", "Jetzt bezahlen")),
        ("de", True, ("dass Sie die Zahlung bestätigen", "Zahlung bestätigen")),
    ],
)
def test_a_reminder_says_which_help_is_needed(locale, to_confirm, words):
    mail = emails.render(
        kind=Kind.PAYMENT_REMINDER,
        order=an_order(locale=locale),
        context=MessageContext(page=PAGE, to_confirm=to_confirm, because=EXPIRED),
    )
    assert all(one in mail.text for one in words)
    assert (in_language(EXPIRED, locale) in mail.text) is not to_confirm


@pytest.mark.parametrize(
    ("locale", "outcome", "subject", "words"),
    [
        ("en", Outcome.CANCELED, "has ended", "ended with it"),
        ("en", Outcome.PAUSED, "is paused", "To take it up again"),
        ("en", Outcome.PAST_DUE, "still not paid", "you can still pay"),
        ("de", Outcome.CANCELED, "ist beendet", "bestellen Sie es einfach neu"),
        ("de", Outcome.PAUSED, "ruht", "bis Sie es wieder haben möchten"),
        ("de", Outcome.PAST_DUE, "noch nicht bezahlt", "Sie können noch bezahlen"),
    ],
)
def test_the_end_of_dunning_says_what_became_of_the_subscription(locale, outcome, subject, words):
    page = PAGE if outcome == Outcome.PAST_DUE else None
    mail = emails.render(
        kind=Kind.DUNNING_EXHAUSTED, order=an_order(locale=locale), context=MessageContext(outcome=outcome, page=page)
    )
    assert subject in mail.subject
    assert words in mail.text


@pytest.mark.parametrize(
    ("locale", "whole", "late", "words"),
    [
        ("en", True, False, ("refunded €25.80", "the whole amount", "5 to 10 working days")),
        ("en", False, False, ("refunded €5.00", "a part of the €25.80")),
        ("en", True, True, ("when the order had been canceled already",)),
        ("de", True, False, ("25,80\xa0€ auf die Karte", "der ganze Betrag", "5 bis 10 Werktagen")),
        ("de", False, False, ("5,00\xa0€ auf die Karte", "ein Teil der 25,80\xa0€")),
        ("de", True, True, ("als die Bestellung schon storniert war",)),
    ],
)
def test_a_refund_says_its_own_amount_and_whether_it_is_all(locale, whole, late, words):
    refunded = Refunded(amount=2580 if whole else 500, currency="EUR", whole=whole, after_cancellation=late)
    mail = emails.render(
        kind=Kind.REFUND_SUCCEEDED, order=an_order(locale=locale), context=MessageContext(refunded=refunded)
    )
    assert all(one in mail.text for one in words)


def test_a_refund_that_came_back_says_so_without_a_reason():
    refunded = Refunded(amount=500, currency="EUR", whole=False)
    mail = emails.render(kind=Kind.REFUND_FAILED, order=an_order(), context=MessageContext(refunded=refunded))
    assert "We had refunded €5.00" in mail.text
    assert "reply to this e-mail" in mail.text


@pytest.mark.parametrize(
    ("name", "parts"),
    [("Ann Lee", ("Ann", "Lee")), ("Ann", ("Ann", "")), ("", ("", "")), ("Ann Marie  Lee ", ("Ann Marie", "Lee"))],
)
def test_names_are_split(name, parts):
    assert formatting.split_name(name) == parts


def test_a_template_is_a_subject_a_heading_and_paragraphs():
    content = parse("Subject\nHeading\n\nOne\nline\n\n\n\nTwo\n")
    assert (content.subject, content.heading, content.paragraphs) == ("Subject", "Heading", ("One line", "Two"))
