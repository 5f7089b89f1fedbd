from __future__ import annotations

import dataclasses
import datetime as dt
import html

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charges.declines.codes import EXPIRED
from notifications.rendering import emails, formatting
from notifications.rendering.message_context import MessageContext, Outcome, PaymentPage, Refunded
from subscriptions.locales import language_of
from tests.support.languages import LANGUAGES, in_language
from tests.support.messages import CANCEL_URL, EMAIL_KINDS, PAGE, URL, Kind, full_context, unsaved_order

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
WITH_A_LINK = [
    Kind.PAYMENT_FAILED,
    Kind.PAYMENT_ACTION_REQUIRED,
    Kind.PAYMENT_REMINDER,
    Kind.PAYMENT_LINK,
    Kind.DUNNING_EXHAUSTED,
]


@pytest.mark.parametrize(
    "locale", [*LANGUAGES, "de-AT", "en_GB", "eo", "zh-Hant-TW", "", "x", "../../de", "de"]
)
@pytest.mark.parametrize("kind", EMAIL_KINDS)
@pytest.mark.parametrize("is_trial", [True, False])
def test_every_kind_is_rendered_in_every_language(kind, locale, is_trial):
    for digital in (True, False):
        order = unsaved_order(locale=locale, digital=digital)
        email = emails.render(kind=kind, order=order, context=full_context(kind, is_trial=is_trial))
        for part in (email.html, email.text):
            assert "{{" not in part
            assert "{%" not in part
            assert "7K3M9-Q2XAB" in part
            assert "Ann Lee" in part
        assert "\n" not in email.subject
        assert email.subject
        assert f'lang="{language_of(locale)}"' in email.html


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", EMAIL_KINDS)
def test_markup_in_a_name_is_escaped(kind, language, name):
    order = unsaved_order(locale=language, name=name, plan=f"<b>{name}")
    email = emails.render(kind=kind, order=order, context=full_context(kind))

    assert "<script" not in email.html
    assert "<b>" not in email.html
    assert "{{" not in email.html + email.text + email.subject
    assert html.escape(formatting.printable(name)[:60], quote=True) in email.html
    assert not any(character in email.subject + email.to_name for character in "\r\n\x00")
    assert len(email.to_name) <= 70


def test_line_breaks_in_a_name_add_no_paragraph_and_no_header():
    order = unsaved_order(name="Ann\n\nPlease pay here", plan="Tea\n\nSubject: x")
    email = emails.render(kind=Kind.WELCOME, order=order)
    assert "Hello Ann Please pay here," in email.text
    assert email.subject == "Welcome to Corner Shop: order 7K3M9-Q2XAB is paid"


@given(locale=st.text(max_size=35), name=st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_locale_and_any_name_can_be_rendered(locale, name):
    email = emails.render(kind=Kind.WELCOME, order=unsaved_order(locale=locale, name=name))
    assert "\n" not in email.to_name
    email.html.encode()


def test_only_the_receipt_says_that_the_order_is_paid():
    confirmation = emails.render(kind=Kind.ORDER_CONFIRMATION, order=unsaved_order())
    welcome = emails.render(kind=Kind.WELCOME, order=unsaved_order())
    assert "paid" not in (confirmation.text + confirmation.subject).lower()
    assert "is paid" in welcome.subject


@pytest.mark.parametrize("kind", WITH_A_LINK)
@pytest.mark.parametrize(
    ("locale", "until"),
    [("en", "until March 3, 2026"), ("de-AT", "bis zum 3. März 2026"), ("fr", "jusqu’au 3 mars 2026")],
)
def test_the_payment_link_is_a_button_in_html_and_an_unchanged_address_in_text(kind, locale, until):
    email = emails.render(kind=kind, order=unsaved_order(locale=locale), context=full_context(kind))

    assert f'<a href="{URL}"' in email.html
    assert URL in email.text.splitlines()
    assert until in email.text
    assert until in email.html


@pytest.mark.parametrize("kind", [kind for kind in EMAIL_KINDS if kind not in WITH_A_LINK])
def test_other_kinds_contain_no_link_to_pay(kind):
    email = emails.render(kind=kind, order=unsaved_order(), context=full_context(kind))
    assert "/pay/" not in email.text + email.html


@pytest.mark.parametrize("kind", EMAIL_KINDS)
@pytest.mark.parametrize(
    ("locale", "words"),
    [("en", "Cancel contracts here"), ("de", "Verträge hier kündigen"), ("fr", "Résilier votre contrat")],
)
def test_every_mail_about_an_order_links_to_the_cancel_page(kind, locale, words):
    context = full_context(kind)
    email = emails.render(kind=kind, order=unsaved_order(locale=locale), context=context)
    assert CANCEL_URL in email.text.splitlines()
    assert f'href="{CANCEL_URL}"' in email.html
    assert words in email.text and words in email.html
    ended = emails.render(
        kind=kind, order=unsaved_order(locale=locale), context=dataclasses.replace(context, cancel_url="")
    )
    assert words not in ended.text + ended.html


@pytest.mark.parametrize("kind", [Kind.WELCOME, Kind.RECEIPT])
@pytest.mark.parametrize(
    ("locale", "lines"),
    [
        ("en", ["Paid on: January 31, 2026, 12:05:00\u202fPM UTC", "Card: Visa •••• 4242",
                "Next payment: February 28, 2026, €25.80"]),
        ("de", ["Bezahlt am: 31. Januar 2026, 12:05:00 UTC", "Karte: Visa •••• 4242",
                "Nächste Zahlung: 28. Februar 2026, 25,80\xa0€"]),
        ("fr", ["Payé le : 31 janvier 2026, 12:05:00 TU", "Carte : Visa •••• 4242",
                "Prochain paiement : 28 février 2026, 25,80\xa0€"]),
    ],
)  # fmt: skip
def test_a_receipt_states_time_card_and_next_charge(kind, locale, lines):
    email = emails.render(kind=kind, order=unsaved_order(locale=locale), context=full_context(kind))
    found = [line.replace("\xa0:", " :") for line in email.text.splitlines()]
    assert set(lines) <= set(found), found


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ("nothing was charged", "ends on February 28, 2026. From then on we charge €25.80 every month")),
        ("de", ("nichts berechnet", "endet am 28. Februar 2026. Danach berechnen wir 25,80\xa0€ jeden Monat")),
        ("fr", ("rien n’a été débité", "prend fin le 28 février 2026", "nous débiterons 25,80\xa0€ chaque mois")),
    ],
)
def test_the_receipt_of_a_trial_states_its_end_and_the_price(locale, words):
    order = unsaved_order(locale=locale, amount=0)
    email = emails.render(kind=Kind.WELCOME, order=order, context=full_context(Kind.WELCOME, is_trial=True))
    assert all(word in email.text for word in words), email.text


def test_the_period_is_in_the_time_zone_of_the_subscription():
    order = unsaved_order()
    order.period_start, order.period_end = (dt.datetime(2026, month, 28, 23, 30, tzinfo=dt.UTC) for month in (2, 3))
    order.subscription.time_zone = "Europe/Berlin"
    email = emails.render(kind=Kind.ORDER_CONFIRMATION, order=order)
    assert "Billing period: March 1, 2026 – March 29, 2026" in email.text


def test_the_link_is_escaped_in_its_attribute():
    page = PaymentPage(url='https://x/"><script>', last_day=dt.date(2026, 3, 3))
    email = emails.render(kind=Kind.PAYMENT_LINK, order=unsaved_order(), context=MessageContext(page=page))
    assert "<script" not in email.html


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "On February 28, 2026 we"),
        ("de", "Am 28. Februar 2026 versuchen wir"),
        ("fr", "Le 28 février 2026, nous"),
    ],
)
def test_a_planned_attempt_is_announced(locale, words):
    order = unsaved_order(locale=locale)
    assert words in emails.render(kind=Kind.PAYMENT_FAILED, order=order, context=full_context(Kind.PAYMENT_FAILED)).text
    email = emails.render(kind=Kind.PAYMENT_FAILED, order=order, context=MessageContext(page=PAGE))
    assert "automatically" not in email.text
    assert "von uns aus" not in email.text


@pytest.mark.parametrize(
    ("locale", "to_confirm", "words"),
    [
        ("en", False, ("The card has expired", "with another card", "Pay now")),
        ("en", True, ("waiting for you to confirm", "Confirm the payment")),
        ("de", False, ("Die Karte ist abgelaufen", "mit einer anderen Karte", "Jetzt bezahlen")),
        ("de", True, ("dass Sie die Zahlung bestätigen", "Zahlung bestätigen")),
        ("fr", False, ("La carte a expiré", "avec une autre carte", "Payer maintenant")),
        ("fr", True, ("elle attend que vous le confirmiez", "Confirmer le paiement")),
    ],
)
def test_a_reminder_asks_for_a_card_or_for_the_confirmation(locale, to_confirm, words):
    email = emails.render(
        kind=Kind.PAYMENT_REMINDER,
        order=unsaved_order(locale=locale),
        context=MessageContext(page=PAGE, to_confirm=to_confirm, because=EXPIRED),
    )
    assert all(word in email.text for word in words)
    assert (in_language(EXPIRED, locale) in email.text) is not to_confirm


@pytest.mark.parametrize(
    ("locale", "outcome", "subject", "words"),
    [
        ("en", Outcome.CANCELED, "has ended", "ended with it"),
        ("en", Outcome.PAUSED, "is paused", "To take it up again"),
        ("en", Outcome.PAST_DUE, "still not paid", "you can still pay"),
        ("de", Outcome.CANCELED, "ist beendet", "bestellen Sie es einfach neu"),
        ("de", Outcome.PAUSED, "ruht", "bis Sie es wieder haben möchten"),
        ("de", Outcome.PAST_DUE, "noch nicht bezahlt", "Sie können noch bezahlen"),
        ("fr", Outcome.CANCELED, "a pris fin", "passez simplement une nouvelle commande"),
        ("fr", Outcome.PAUSED, "est suspendu", "jusqu’à ce que vous souhaitiez le reprendre"),
        ("fr", Outcome.PAST_DUE, "n’est pas encore payée", "vous pouvez encore le payer"),
    ],
)
def test_the_end_of_dunning_states_the_result_for_the_subscription(locale, outcome, subject, words):
    page = PAGE if outcome == Outcome.PAST_DUE else None
    context = MessageContext(outcome=outcome, page=page)
    email = emails.render(kind=Kind.DUNNING_EXHAUSTED, order=unsaved_order(locale=locale), context=context)
    assert subject in email.subject
    assert words in email.text


@pytest.mark.parametrize(
    ("locale", "whole", "late", "words"),
    [
        ("en", True, False, ("refunded €25.80", "the whole amount", "5 to 10 working days")),
        ("en", False, False, ("refunded €5.00", "a part of the €25.80")),
        ("en", True, True, ("when the order had been canceled already",)),
        ("de", True, False, ("25,80\xa0€ auf die Karte", "der ganze Betrag", "5 bis 10 Werktagen")),
        ("de", False, False, ("5,00\xa0€ auf die Karte", "ein Teil der 25,80\xa0€")),
        ("de", True, True, ("als die Bestellung schon storniert war",)),
        ("fr", True, False, ("remboursé 25,80\xa0€", "le montant total", "5 à 10 jours ouvrés")),
        ("fr", False, False, ("remboursé 5,00\xa0€", "une partie des 25,80\xa0€")),
        ("fr", True, True, ("alors que la commande était déjà annulée",)),
    ],
)
def test_a_refund_states_its_amount_and_whether_it_is_the_whole_payment(locale, whole, late, words):
    refunded = Refunded(amount=2580 if whole else 500, currency="EUR", whole=whole, after_cancellation=late)
    email = emails.render(
        kind=Kind.REFUND_SUCCEEDED, order=unsaved_order(locale=locale), context=MessageContext(refunded=refunded)
    )
    assert all(word in email.text for word in words)


def test_a_failed_refund_gives_no_reason():
    refunded = Refunded(amount=500, currency="EUR", whole=False)
    email = emails.render(kind=Kind.REFUND_FAILED, order=unsaved_order(), context=MessageContext(refunded=refunded))
    assert "We had refunded €5.00" in email.text
    assert "reply to this e-mail" in email.text


@pytest.mark.parametrize(
    ("kind", "amount", "words"),
    [
        ("period", 2580, ("2 × Coffee (each €12.90): €25.80", "2 × Coffee (je 12,90\xa0€): 25,80\xa0€")),
        ("trial", 0, ("2 × Coffee, free trial: €0.00", "2 × Coffee, kostenlose Testphase: 0,00\xa0€")),
        ("debit", 900, ("2 × Coffee for the rest of the period: €9.00",
                        "2 × Coffee für den Rest des Zeitraums: 9,00\xa0€")),
        ("unused", -500, ("Credit for the unused time of Coffee: -€5.00",
                          "Gutschrift für die ungenutzte Zeit von Coffee: -5,00\xa0€")),
        ("balance", -300, ("Your credit: -€3.00", "Ihr Guthaben: -3,00\xa0€")),
        ("balance", 30, ("Carried over from an earlier change: €0.30",
                         "Übertrag aus einer früheren Änderung: 0,30\xa0€")),
    ],
)  # fmt: skip
def test_each_kind_of_line_says_what_it_is_for(kind, amount, words):
    for locale, line_text in zip(("en", "de"), words, strict=True):
        order = unsaved_order(locale=locale)
        order.lines[0].kind, order.lines[0].amount = kind, amount
        email = emails.render(kind=Kind.RECEIPT, order=order)
        assert line_text in email.text.splitlines(), email.text


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (750, ("Kept as a credit for your next orders: €7.50",
               "Als Guthaben für Ihre nächsten Bestellungen: 7,50\xa0€")),
        (-16, ("Settled with your balance: -€0.16", "Mit Ihrem Guthaben verrechnet: -0,16\xa0€")),
    ],
)  # fmt: skip
def test_the_balance_line_of_a_change_says_where_the_money_goes(amount, words):
    for locale, line_text in zip(("en", "de"), words, strict=True):
        order = unsaved_order(locale=locale)
        order.kind, order.lines[0].kind, order.lines[0].amount = "change", "balance", amount
        email = emails.render(kind=Kind.RECEIPT, order=order)
        assert line_text in email.text.splitlines(), email.text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.ORDER_CONFIRMATION, "we are saving your card now, and nothing is charged"),
        (Kind.PAYMENT_FAILED, "Your card could not be saved"),
        (Kind.PAYMENT_ACTION_REQUIRED, "Your bank asks you to confirm your card"),
        (Kind.PAYMENT_REMINDER, "Your free trial of Coffee has not begun yet"),
        (Kind.PAYMENT_LINK, "to save your card"),
        (Kind.DUNNING_EXHAUSTED, "We could not save a card for your free trial"),
    ],
)
def test_the_messages_about_a_trial_speak_of_the_card_and_not_of_a_payment(kind, words):
    email = emails.render(kind=kind, order=unsaved_order(amount=0), context=full_context(kind))
    assert words in email.text
    assert "charge €0" not in email.text
    assert "Pay now" not in email.text + email.html
