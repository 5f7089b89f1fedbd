"""The client calls the account that the settings name at the time of the call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.brevo.client import client
from integrations.http import AccountRejected
from tests.support.sandboxes import RunningSandbox


@pytest.fixture
def account(settings: Any) -> Iterator[None]:
    """A Brevo that accepts ``right-key`` only."""
    sandbox = RunningSandbox(brevo_api_key="right-key", brevo_contacts_per_second=None)
    settings.BREVO_API_BASE = f"{sandbox.url}/brevo/v3"
    settings.BREVO_API_KEY = "right-key"
    yield
    for made in (client(), client(keep_alive=False)):
        made.close()
    sandbox.close()


@pytest.mark.parametrize("keep_alive", [True, False])
def test_the_key_of_the_settings_is_sent(account: None, settings: Any, keep_alive: bool) -> None:
    assert client(keep_alive=keep_alive).request("GET", "/contacts").status == 200
    settings.BREVO_API_KEY = "wrong-key"
    with pytest.raises(AccountRejected):
        client(keep_alive=keep_alive).request("GET", "/contacts")


def test_the_client_is_kept_for_the_next_call(account: None) -> None:
    assert client() is client()
    assert client() is not client(keep_alive=False)
