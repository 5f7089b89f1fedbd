from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from integrations.dixa import anonymization, end_users
from integrations.dixa.end_users import EndUser
from integrations.errors import ProviderError
from tests.support.sandboxes import BrevoSandbox

ANN = uuid4()


def create(customer_id: UUID = ANN) -> str:
    end_user = EndUser(
        customer_id=customer_id, email="ann@example.com", display_name="Ann", first_name="Ann", last_name="", phone=""
    )
    return end_users.upsert_end_user(end_user=end_user, known_id="").end_user_id


def test_a_request_is_followed_until_it_is_processed(brevo_sandbox: BrevoSandbox) -> None:
    create()
    request_id = anonymization.request_anonymization(customer_id=ANN, force=False)
    assert request_id
    assert not anonymization.is_processed(request_id=request_id)
    assert anonymization.is_processed(request_id=request_id)
    [user] = brevo_sandbox.records("endusers")
    assert (user["displayName"], user["email"]) == ("Anonymized", None)


def test_open_conversations_refuse_unless_forced(brevo_sandbox: BrevoSandbox) -> None:
    id = create()
    brevo_sandbox.http.post(f"/sandbox/dixa/endusers/{id}/conversation", json={"open": True}).raise_for_status()
    with pytest.raises(anonymization.ConversationsAreOpen):
        anonymization.request_anonymization(customer_id=ANN, force=False)
    assert anonymization.request_anonymization(customer_id=ANN, force=True)


def test_a_customer_without_an_end_user_needs_nothing(brevo_sandbox: BrevoSandbox) -> None:
    create(customer_id=uuid4())
    assert anonymization.request_anonymization(customer_id=ANN, force=False) is None


def test_a_request_that_dixa_had_before_is_accepted(
    brevo_sandbox: BrevoSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = create()
    anonymization.request_anonymization(customer_id=ANN, force=False)
    # Dixa may still find the end user while it is being anonymized.
    monkeypatch.setattr(anonymization, "find_by_customer", lambda **_: id)
    assert anonymization.request_anonymization(customer_id=ANN, force=False) == ""


@pytest.mark.parametrize("status", [400, 500])
def test_other_errors_are_raised(brevo_sandbox: BrevoSandbox, status: int) -> None:
    create()
    brevo_sandbox.faults({"provider": "dixa", "kind": "error", "status": status, "path": "*/anonymize"})
    with pytest.raises(ProviderError):
        anonymization.request_anonymization(customer_id=ANN, force=True)
