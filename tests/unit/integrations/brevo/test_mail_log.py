from __future__ import annotations

import logging
from uuid import uuid4

import pytest

from integrations.brevo import mail_log, messages
from integrations.http import RequestRejected
from tests.support.sandboxes import BrevoSandbox


def send(to: str) -> None:
    email = messages.Email(
        sender_email="shop@example.com", sender_name="Shop", to_email=to, to_name="", subject="Hi", html="<p>Hi</p>",
        text="Hi",
    )  # fmt: skip
    messages.send_email(email=email, idempotency_key=uuid4(), custom_id="1")


def test_the_log_of_an_address_is_deleted(brevo_sandbox: BrevoSandbox) -> None:
    for to in ("ann+x@example.com", "ann+x@example.com", "bob@example.com"):
        send(to)
    assert mail_log.delete_log(email="Ann+X@example.com")
    assert [mail["to"][0]["email"] for mail in brevo_sandbox.records("mails")] == ["bob@example.com"]
    assert not mail_log.delete_log(email="ann+x@example.com")


def test_the_address_is_neither_logged_nor_raised(
    brevo_sandbox: BrevoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="integrations.http"):
        mail_log.delete_log(email="ann@example.com")
        with pytest.raises(RequestRejected) as rejected:
            mail_log.delete_log(email="not-an-address")
    assert "ann@" not in caplog.text and "ann%40" not in caplog.text
    assert "not-an-address" not in str(rejected.value)
