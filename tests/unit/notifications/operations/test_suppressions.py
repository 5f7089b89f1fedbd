from __future__ import annotations

import pytest

from notifications.models import Channel, Suppression
from notifications.operations import suppressions
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db

Reason = Suppression.Reason


@pytest.mark.parametrize(
    ("channel", "address", "key"),
    [
        (Channel.EMAIL, " Ann.Lee@Example.COM ", "ann.lee@example.com"),
        (Channel.EMAIL, "a" * 300, "a" * 254),
        (Channel.SMS, "+49 (151) 123-45678", "4915112345678"),
        (Channel.SMS, "no number", ""),
    ],
)
def test_two_spellings_of_an_address_have_one_key(channel: Channel, address: str, key: str) -> None:
    assert suppressions.address_key(channel=channel, address=address) == key


def test_a_reason_is_recorded_once() -> None:
    for address in ("ann@example.com", "ANN@example.com"):
        suppressions.suppress(channel=Channel.EMAIL, address=address, reason=Reason.SPAM)
    suppressions.suppress(channel=Channel.EMAIL, address="ann@example.com", reason=Reason.BLOCKED)
    assert list(Suppression.objects.order_by("reason").values_list("reason", flat=True)) == ["blocked", "spam"]


def test_an_empty_address_is_not_recorded() -> None:
    suppressions.suppress(channel=Channel.SMS, address="no number", reason=Reason.UNSUBSCRIBED)
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("reason", Reason)
def test_only_some_reasons_stop_a_message(channel: Channel, reason: Suppression.Reason) -> None:
    order = make_order(customer={"email": "Ann.Lee@example.com", "phone": "+4915112345678"})
    address = order.customer.email if channel == Channel.EMAIL else order.contact_phone
    suppressions.suppress(channel=channel, address=address, reason=reason)

    stopping = {
        Channel.EMAIL: {"hard_bounce", "invalid_email", "spam"},
        Channel.SMS: {"hard_bounce", "unsubscribed"},
    }
    expected = reason.value if reason in stopping[channel] else ""
    assert suppressions.stopping_reason(channel=channel, order=order) == expected
    other = Channel.SMS if channel == Channel.EMAIL else Channel.EMAIL
    assert suppressions.stopping_reason(channel=other, order=order) == ""
