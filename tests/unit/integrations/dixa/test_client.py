"""The client calls the account that the settings name at the time of the call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.dixa.client import client
from integrations.http import AccountRejected
from tests.support.sandboxes import RunningSandbox


@pytest.fixture
def account(settings: Any) -> Iterator[RunningSandbox]:
    """A Dixa that accepts ``right-token`` only."""
    sandbox = RunningSandbox(dixa_api_token="right-token", dixa_requests_per_second=None)
    settings.DIXA_API_BASE = f"{sandbox.url}/dixa/v1"
    settings.DIXA_API_TOKEN, settings.DIXA_AUTHORIZATION_PREFIX = "right-token", ""
    yield sandbox
    client().close()
    sandbox.close()


def search() -> int:
    return client().request("GET", "/endusers", params={"email": "ann@example.com"}).status


def test_the_token_of_the_settings_is_sent(account: RunningSandbox, settings: Any) -> None:
    assert search() == 200
    settings.DIXA_API_TOKEN = "wrong-token"
    with pytest.raises(AccountRejected):
        search()


@pytest.mark.parametrize(("prefix", "header"), [("", "t"), ("Bearer", "Bearer t"), (" Bearer ", "Bearer t")])
def test_the_prefix_stands_before_the_token(settings: Any, prefix: str, header: str) -> None:
    settings.DIXA_API_TOKEN, settings.DIXA_AUTHORIZATION_PREFIX = "t", prefix
    assert client()._headers["Authorization"] == header


def test_the_client_is_kept_for_the_next_call(account: RunningSandbox) -> None:
    assert client() is client()
