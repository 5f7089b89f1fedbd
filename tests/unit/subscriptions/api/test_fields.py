from __future__ import annotations

from typing import Any

import pytest
from rest_framework.serializers import ValidationError

from subscriptions.api.fields import EmailAddressField, LocaleField, PhoneField


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("Ada@Example.COM", "Ada@example.com"), ("a@straße.de", "a@xn--strae-oqa.de"), (" a@b.de ", "a@b.de")],
)
def test_an_address_is_stored_as_mail_servers_take_it(typed: str, stored: str) -> None:
    assert EmailAddressField().run_validation(typed) == stored


@pytest.mark.parametrize("typed", ["", "x", "a@b", "ä@b.de", 5, None, ["a@b.de"]])
def test_what_is_no_address_is_refused(typed: Any) -> None:
    with pytest.raises(ValidationError):
        EmailAddressField().run_validation(typed)


@pytest.mark.parametrize(
    ("typed", "stored"), [("+49 151 12345678", "+4915112345678"), ("+1 (415) 555-2671", "+14155552671")]
)
def test_a_phone_number_is_stored_as_e164(typed: str, stored: str) -> None:
    assert PhoneField().run_validation(typed) == stored


@pytest.mark.parametrize("typed", ["0151 12345678", "+49", "+1234567890123456", "x", 5])
def test_what_is_no_phone_number_is_refused(typed: Any) -> None:
    with pytest.raises(ValidationError):
        PhoneField().run_validation(typed)


def test_a_phone_number_may_be_removed_where_it_is_allowed() -> None:
    assert PhoneField(allow_blank=True).run_validation("") == ""


@pytest.mark.parametrize("typed", ["en", "de-AT", "zh-Hant-TW", "es-419"])
def test_a_language_tag_is_accepted(typed: str) -> None:
    assert LocaleField().run_validation(typed) == typed


@pytest.mark.parametrize("typed", ["german", "DE", "de_AT", "de\nfr", ""])
def test_what_is_no_language_tag_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        LocaleField().run_validation(typed)
