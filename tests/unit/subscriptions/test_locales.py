from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.locales import every, formats_of, language_of, local_day, moment, money, translated
from tests.support.languages import LANGUAGES


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("en", "en"),
        ("en_GB", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_ch", "de"),
        ("fr-CA", "fr"),
        ("eo", "en"),
        ("zh-Hant-TW", "en"),
        ("../../de", "en"),
        ("x", "en"),
        ("", "en"),
    ],
)
def test_a_locale_is_written_to_in_its_language_or_in_english(locale: str, language: str) -> None:
    assert language_of(locale) == language


@given(locale=st.text(max_size=300))
def test_every_locale_has_a_language_and_formats(locale: str) -> None:
    assert language_of(locale) in LANGUAGES
    assert formats_of(locale).language == language_of(locale)


@pytest.mark.parametrize(
    ("locale", "formats"), [("de-AT", "de_AT"), ("fr_CA", "fr_CA"), ("en-GB", "en_GB"), ("eo", "en"), ("", "en")]
)
def test_formats_follow_the_region_if_the_language_is_the_customers(locale: str, formats: str) -> None:
    assert str(formats_of(locale)) == formats


def test_a_text_is_translated_and_the_active_language_stays() -> None:
    text = gettext_lazy("The card has expired. Please use a valid card.")
    assert translated(text, locale="de-AT").startswith("Die Karte ist abgelaufen")
    assert translated(text, locale="fr").startswith("La carte a expiré")
    assert translated(text, locale="eo") == str(text)
    assert translation.get_language() == "en-us"


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
        # Stripe charges these in hundredths, although CLDR gives them no decimals.
        (1290, "ISK", "en", "ISK\xa012.90"),
        (1290, "UGX", "en", "UGX\xa012.90"),
        (1290, "RSD", "en", "RSD\xa012.90"),
        (1290, "EUR", "fr-FR", "12,90\xa0€"),
        (1290, "EUR", "eo", "€12.90"),
    ],
)
def test_an_amount_looks_as_in_the_customers_locale(amount, currency, locale, text):
    assert money(amount=amount, currency=currency, formats=formats_of(locale)) == text


def test_babels_shared_pattern_is_not_changed():
    formats = formats_of("en")
    money(amount=1, currency="KWD", formats=formats)
    assert formats.currency_formats["standard"].frac_prec == (2, 2)


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["every month", "every 2 weeks", "every 3 years"]),
        ("de", ["jeden Monat", "alle 2 Wochen", "alle 3 Jahre"]),
        ("fr", ["chaque mois", "toutes les 2 semaines", "tous les 3 ans"]),
    ],
)
def test_an_interval_in_words(language: str, texts: list[str]) -> None:
    with translation.override(language):
        assert [every(interval=name, count=n) for name, n in (("month", 1), ("week", 2), ("year", 3))] == texts


def test_a_moment_and_its_day_are_in_the_given_time_zone() -> None:
    at, english = dt.datetime(2026, 2, 28, 23, 30, tzinfo=dt.UTC), formats_of("en")
    assert local_day(at, time_zone="Europe/Berlin", formats=english) == "March 1, 2026"
    assert moment(at, time_zone="Europe/Berlin", formats=english) == "March 1, 2026, 12:30:00\u202fAM +0100"
