from __future__ import annotations

from integrations.errors import MalformedMessage
from integrations.sqs import envelopes


def test_the_logged_reason_quotes_no_message() -> None:
    assert envelopes.reason(ValueError("secret@example.com")) == "ValueError"
    assert envelopes.reason(MalformedMessage("no header 'id'")) == "no header 'id'"
