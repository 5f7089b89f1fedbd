"""Serializer fields for a customer's contact data."""

from __future__ import annotations

from typing import Any

import phonenumbers
from drf_spectacular.utils import extend_schema_field
from email_validator import EmailNotValidError, validate_email
from rest_framework import serializers

from integrations.web.fields import StrictCharField, StrictEmailField, StrictRegexField

MAX_E164_LENGTH = len("+") + 15
LOCALE = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"


@extend_schema_field({"type": "string", "format": "email", "maxLength": 254})
class EmailAddressField(StrictEmailField):
    """An e-mail address, as our mail provider and CRM accept it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        try:
            # Without SMTPUTF8, because neither the mail provider nor the CRM accepts such an address.
            found = validate_email(super().to_internal_value(data), check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError as error:
            raise serializers.ValidationError(f"Not an e-mail address: {error}") from None
        return str(found.ascii_email)


class PhoneField(StrictCharField):
    """A phone number in international form. Its value is E.164."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        return e164(text) if text else ""


class LocaleField(StrictRegexField):
    """A language tag, such as de-AT."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(LOCALE, message="Must be a language tag, such as en or de-AT.", max_length=35, **kwargs)


def e164(typed: str) -> str:
    """The phone number in E.164. Raises ``ValidationError``."""
    try:
        number = phonenumbers.parse(typed, None)
    except phonenumbers.NumberParseException:
        raise serializers.ValidationError("Not a phone number. Start with + and the country code.") from None
    text = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    # The metadata considers longer numbers possible in some countries, but E.164 does not allow them.
    if not phonenumbers.is_possible_number(number) or len(text) > MAX_E164_LENGTH:
        raise serializers.ValidationError("Not a possible phone number. Start with + and the country code.")
    return text
