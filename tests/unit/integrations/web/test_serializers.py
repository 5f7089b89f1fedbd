"""Strict serializers reject unknown fields."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from integrations.web.serializers import MAX_NAME_LENGTH, StrictSerializer


class Input(StrictSerializer):
    name = serializers.CharField()


def errors(data: Any) -> Any:
    with pytest.raises(serializers.ValidationError) as rejected:
        Input().to_internal_value(data)
    return rejected.value


def test_known_fields_are_accepted() -> None:
    assert Input().to_internal_value({"name": "Ada"}) == {"name": "Ada"}


def test_an_unknown_field_is_named() -> None:
    assert errors({"name": "Ada", "nmae": "Ada"}).get_codes() == {"nmae": ["unexpected"]}


def test_the_name_of_an_unknown_field_is_shortened_and_ascii() -> None:
    assert list(errors({"é" * 500: 1}).detail) == ["?" * MAX_NAME_LENGTH]


@pytest.mark.parametrize("data", [[], "name", 1, None])
def test_only_an_object_is_accepted(data: Any) -> None:
    assert errors(data).get_codes() == {"non_field_errors": ["not_a_dict"]}
