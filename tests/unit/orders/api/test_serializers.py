"""The fields of the checkout, without a view."""

from __future__ import annotations

from typing import Any

import pytest

from orders.api.serializers import CheckoutInput

CUSTOMER = {"email": "ada@example.com", "name": "Ada"}
ADDRESS = {"line1": "1 Main Street", "city": "Berlin", "country": "DE"}


def validated(**changes: Any) -> Any:
    serializer = CheckoutInput(
        data={"plan": "coffee", "payment_method": "pm_card_visa", "customer": CUSTOMER, **changes}
    )
    return serializer.validated_data if serializer.is_valid() else serializer.errors


def test_optional_fields_have_defaults() -> None:
    data = validated()
    assert (data["quantity"], data["shipping_address"]) == (1, None)
    assert (data["customer"]["marketing_consent"], data["customer"]["sms_consent"]) == (False, False)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+49 151 12345678", "+4915112345678"),
        ("+49(0)151/12345678", "+4915112345678"),
        ("+1 650-253-0000", "+16502530000"),
    ],
)
def test_a_phone_number_is_stored_in_e164(typed: str, stored: str) -> None:
    assert validated(customer={**CUSTOMER, "phone": typed})["customer"]["phone"] == stored


@pytest.mark.parametrize(
    ("typed", "stored"), [("ada@straße.de", "ada@xn--strae-oqa.de"), ("Ada@Example.com", "Ada@example.com")]
)
def test_an_address_is_stored_with_the_domain_that_dns_uses(typed: str, stored: str) -> None:
    assert validated(customer={**CUSTOMER, "email": typed})["customer"]["email"] == stored


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "0151 12345678"),
        ("phone", "+49"),
        ("phone", "+491511234567890123"),
        ("phone", 4915112345678),
        ("email", "ada"),
        ("email", "ä@example.com"),
        ("locale", "deutsch"),
        ("locale", "de_DE"),
        ("name", ""),
        ("sms_consent", "yes"),
        ("sms_consent", 1),
        ("nickname", "Ada"),
    ],
)
def test_a_customer_that_is_rejected_names_the_field(field: str, value: Any) -> None:
    assert set(validated(customer={**CUSTOMER, field: value})["customer"]) == {field}


@pytest.mark.parametrize(
    ("field", "value"),
    [("country", "de"), ("country", "DEU"), ("line1", ""), ("city", None), ("street", "Main")],
)
def test_an_address_that_is_rejected_names_the_field(field: str, value: Any) -> None:
    assert set(validated(shipping_address={**ADDRESS, field: value})["shipping_address"]) == {field}


@pytest.mark.parametrize("quantity", [0, -1, 1001, "2", 1.0, True, None])
def test_a_quantity_is_a_number_from_1_to_1000(quantity: Any) -> None:
    assert set(validated(quantity=quantity)) == {"quantity"}
    assert validated(quantity=1000)["quantity"] == 1000
