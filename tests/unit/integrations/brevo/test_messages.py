from __future__ import annotations

import dataclasses
from uuid import uuid4

import pytest

from integrations.brevo import messages
from integrations.http import RequestRejected

EMAIL = messages.Email(
    sender_email="shop@example.com",
    sender_name="Shop",
    to_email="ann@example.com",
    to_name="",
    subject="Hi",
    html="<p>Hi",
    text="Hi",
    tags=("hello",),
)


def test_a_key_is_accepted_once(brevo_sandbox):
    key = uuid4()
    first = messages.send_email(email=EMAIL, idempotency_key=key, custom_id="c")
    second = messages.send_email(email=EMAIL, idempotency_key=key, custom_id="c")

    [mail] = brevo_sandbox.records("mails")
    assert (first.message_id, first.earlier) == (mail["id"], False)
    assert (second.message_id, second.earlier) == ("", True)
    assert mail["to"] == [{"email": "ann@example.com"}]


def test_any_other_error_is_a_rejection(brevo_sandbox):
    bad = dataclasses.replace(EMAIL, to_email="nobody")
    with pytest.raises(RequestRejected) as caught:
        messages.send_email(email=bad, idempotency_key=uuid4(), custom_id="c")
    assert (caught.value.code, caught.value.status) == ("invalid_parameter", 400)
    assert "nobody" not in str(caught.value)


def test_an_sms_has_its_tag(brevo_sandbox):
    accepted = messages.send_sms(sender="Shop", recipient="+4915112345678", content="Grüße", tag="t1")
    [sms] = brevo_sandbox.records("sms")
    assert (sms["recipient"], sms["content"], sms["tag"]) == ("4915112345678", "Grüße", "t1")
    assert accepted.message_id == str(sms["messageId"])
