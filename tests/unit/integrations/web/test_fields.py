"""Strict fields accept one JSON type each."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from integrations.web.fields import (
    PaymentMethodField,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictRegexField,
)

CODE = StrictRegexField(r"^[A-Z]{2}$", message="Two letters.")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (StrictBooleanField(), True),
        (StrictBooleanField(), False),
        (StrictIntegerField(), 0),
        (StrictIntegerField(), -3),
        (StrictCharField(), "ada"),
        (CODE, "DE"),
        (PaymentMethodField(), "pm_card_visa"),
    ],
)
def test_a_value_of_the_right_type_is_accepted(field: serializers.Field, value: Any) -> None:
    assert field.run_validation(value) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (StrictBooleanField(), "true"),
        (StrictBooleanField(), 1),
        (StrictIntegerField(), "1"),
        (StrictIntegerField(), True),
        (StrictIntegerField(), 1.0),
        (StrictCharField(), 1),
        (StrictCharField(), True),
        (CODE, 12),
    ],
)
def test_a_value_of_another_type_is_not_converted(field: serializers.Field, value: Any) -> None:
    with pytest.raises(serializers.ValidationError) as rejected:
        field.run_validation(value)
    assert rejected.value.get_codes() == ["invalid_type"]


@pytest.mark.parametrize(
    ("field", "value"),
    [(CODE, "D"), (CODE, "DEU"), (PaymentMethodField(), "card_visa"), (PaymentMethodField(), "pm_" + "a" * 201)],
)
def test_a_regex_matches_the_whole_value(field: serializers.Field, value: str) -> None:
    with pytest.raises(serializers.ValidationError) as rejected:
        field.run_validation(value)
    assert rejected.value.get_codes() == ["invalid"]


def test_a_line_feed_at_the_end_does_not_match() -> None:
    with pytest.raises(serializers.ValidationError):
        StrictRegexField(r"^[A-Z]{2}$", message="", trim_whitespace=False).run_validation("DE\n")
