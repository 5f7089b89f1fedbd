from __future__ import annotations

import datetime as dt

import pytest
from babel import Locale

from notifications.rendering import formatting


@pytest.mark.parametrize(
    ("name", "parts"),
    [("Ann Lee", ("Ann", "Lee")), ("Ann", ("Ann", "")), ("", ("", "")), ("Ann Marie  Lee ", ("Ann Marie", "Lee"))],
)
def test_the_last_word_of_a_name_is_the_last_name(name, parts):
    assert formatting.split_name(name) == parts


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (1290, "EUR", "en", "12.90 EUR"),
        (123456789, "EUR", "de", "1234567,89 EUR"),
        (1290, "JPY", "fr", "1290 JPY"),
        (12345, "KWD", "en", "12.345 KWD"),
    ],
)
def test_plain_money_has_the_code_and_no_special_characters(amount, currency, locale, text):
    assert formatting.plain_money(amount=amount, currency=currency, formats=Locale(locale)) == text


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", "January 31, 2026 – February 27, 2026"),
        ("de", "31. Januar 2026 – 27. Februar 2026"),
        ("fr", "31 janvier 2026 – 27 février 2026"),
    ],
)
def test_a_period_ends_with_its_last_day(locale, text):
    start, end = dt.datetime(2026, 1, 31, tzinfo=dt.UTC), dt.datetime(2026, 2, 28, tzinfo=dt.UTC)
    assert formatting.period(start=start, end=end, time_zone="UTC", formats=Locale(locale)) == text


@pytest.mark.parametrize(
    ("typed", "printed"),
    [("Ann\r\nBcc: x", "Ann Bcc: x"), (" a\u2028b\x00 ", "a b"), ("{{ x }}", "(( x ))"), ("", "")],
)
def test_typed_text_becomes_one_harmless_line(typed, printed):
    assert formatting.printable(typed) == printed
