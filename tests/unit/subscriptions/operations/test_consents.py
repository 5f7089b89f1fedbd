"""A consent that is withdrawn at the provider is withdrawn here, and the copies at other providers follow."""

from __future__ import annotations

import pytest

from subscriptions.models import Customer
from subscriptions.operations.consents import withdraw_marketing_consent, withdraw_sms_consent
from tests.support.deliveries import published
from tests.support.factories import make_customer

pytestmark = pytest.mark.django_db

PHONE = "+4915112345678"


def consents() -> dict[str, tuple[bool, bool]]:
    rows = Customer.objects.values_list("email", "marketing_consent", "sms_consent")
    return {email: (marketing, sms) for email, marketing, sms in rows}


def test_marketing_consent_is_withdrawn_in_any_spelling_and_from_one_customer_only() -> None:
    make_customer(email="Ann@example.com", marketing_consent=True)
    make_customer(email="bob@example.com", marketing_consent=True)

    assert withdraw_marketing_consent(email="ANN@EXAMPLE.COM") == 1

    assert consents() == {"Ann@example.com": (False, True), "bob@example.com": (True, True)}
    assert published() == {"CustomerUpdated": 1}


def test_sms_consent_is_withdrawn_from_everybody_with_the_number() -> None:
    make_customer(email="ann@example.com", marketing_consent=True)
    make_customer(email="bob@example.com")
    make_customer(email="eve@example.com", phone="+4915112345679")

    assert withdraw_sms_consent(phone_digits=PHONE.removeprefix("+")) == 2

    assert [sms for _, sms in consents().values()].count(True) == 1
    assert consents()["eve@example.com"] == (False, True)
    assert consents()["ann@example.com"] == (True, False)
    assert published() == {"CustomerUpdated": 2}


def test_nothing_to_withdraw_publishes_nothing() -> None:
    make_customer(email="ann@example.com", marketing_consent=False, sms_consent=False)
    assert withdraw_marketing_consent(email="ann@example.com") == 0
    assert withdraw_marketing_consent(email="nobody@example.com") == 0
    assert withdraw_sms_consent(phone_digits=PHONE.removeprefix("+")) == 0
    assert published() == {}
