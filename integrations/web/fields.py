"""Serializer fields that accept one JSON type and convert nothing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

PAYMENT_METHOD_ID = r"^pm_[A-Za-z0-9_]{1,200}$"


class StrictBooleanField(serializers.BooleanField):
    """JSON's ``true`` and ``false``. Strings and numbers are rejected."""

    default_error_messages = {"invalid_type": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid_type")
        return data


class StrictIntegerField(serializers.IntegerField):
    """A JSON number without a fraction. Strings and booleans are rejected."""

    default_error_messages = {"invalid_type": "Must be a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid_type")
        return data


class StrictCharField(serializers.CharField):
    """A JSON string. Numbers and booleans are rejected."""

    default_error_messages = {"invalid_type": "Must be a string."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_type")
        return str(super().to_internal_value(data))


class StrictUUIDField(serializers.UUIDField):
    """A JSON string with a UUID. Numbers are rejected."""

    default_error_messages = {"invalid_type": "Must be a string."}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid_type")
        return UUID(str(super().to_internal_value(data)))


@extend_schema_field({"type": "string", "format": "email", "maxLength": 254})
class StrictEmailField(StrictCharField):
    """A string with the schema format ``email``. The serializer checks the address."""


class StrictRegexField(StrictCharField):
    """A string that matches a regular expression as a whole."""

    def __init__(self, regex: str, *, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # \Z instead of $, because $ also matches before a line feed at the end.
        self.validators.append(RegexValidator(regex.removesuffix("$") + r"\Z", message=message, code="invalid"))


class PaymentMethodField(StrictRegexField):
    """The id of a Stripe payment method."""

    def __init__(self, **kwargs: Any) -> None:
        message = "Must be the id of a Stripe payment method, such as pm_card_visa."
        super().__init__(PAYMENT_METHOD_ID, message=message, max_length=255, **kwargs)
