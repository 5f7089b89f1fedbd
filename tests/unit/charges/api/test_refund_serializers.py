"""The fields of the refunds API, without a view."""

from __future__ import annotations

from typing import Any

import pytest

from charges.api.refund_serializers import RefundFilter, RefundInput

NUMBER = "7K3M9-Q2XAB"


def validated(**fields: Any) -> Any:
    serializer = RefundInput(data={"order": NUMBER, **fields})
    return serializer.validated_data if serializer.is_valid() else serializer.errors


def test_optional_fields_have_defaults() -> None:
    assert validated() == {"order": NUMBER, "reason": "", "note": ""}


@pytest.mark.parametrize("reason", ["duplicate", "fraudulent", "requested_by_customer"])
def test_the_reasons_that_stripe_accepts(reason: str) -> None:
    assert validated(reason=reason)["reason"] == reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order", "7k3m9-q2xab"),
        ("order", "7K3M9Q2XAB"),
        ("order", "7K3M9-Q2XAL"),
        ("order", 5),
        ("amount", 0),
        ("amount", -1),
        ("amount", "500"),
        ("amount", 1.5),
        ("amount", True),
        ("amount", None),
        ("reason", "expired_uncaptured_charge"),
        ("note", "x" * 501),
        ("note", 5),
        ("everything", True),
    ],
)
def test_an_error_names_its_field(field: str, value: Any) -> None:
    assert set(validated(**{field: value})) == {field}


def test_the_list_is_filtered_by_a_whole_order_number() -> None:
    assert RefundFilter(data={"order": NUMBER}).is_valid()
    assert not RefundFilter(data={"order": "7K3M9"}).is_valid()
    assert not RefundFilter(data={}).is_valid()
