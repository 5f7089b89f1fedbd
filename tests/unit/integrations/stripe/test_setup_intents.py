from __future__ import annotations

from typing import Any

import pytest

from integrations.errors import ProviderError
from integrations.stripe import setup_intents
from tests.support.sandboxes import StripeSandbox


def test_an_intent_saves_one_card_for_later_and_has_no_customer(stripe_sandbox: StripeSandbox) -> None:
    created = setup_intents.create()
    [intent] = stripe_sandbox.objects("setup_intents")
    assert (intent["id"], intent["usage"], intent["customer"]) == (created.id, "off_session", None)
    assert intent["payment_method_types"] == ["card"]
    assert created.client_secret.startswith(f"{created.id}_secret_")


def test_the_secret_is_not_in_the_text_of_the_object(stripe_sandbox: StripeSandbox) -> None:
    created = setup_intents.create()
    assert created.client_secret not in repr(created)


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "error", "status": 500}, {"kind": "non_json"}], ids=str)
def test_a_failure_of_stripe_is_a_provider_error(stripe_sandbox: StripeSandbox, fault: dict[str, Any]) -> None:
    stripe_sandbox.faults(fault)
    with pytest.raises(ProviderError):
        setup_intents.create()
