"""The connections to Brevo."""

from __future__ import annotations

import functools

from django.conf import settings

from integrations.http import JsonClient

PROVIDER = "brevo"


def client(*, keep_alive: bool = True) -> JsonClient:
    """The client for the account in the settings. ``keep_alive=False`` opens a connection for each call."""
    return _client(settings.BREVO_API_BASE, settings.BREVO_API_KEY, keep_alive)


@functools.lru_cache(maxsize=8)
def _client(base_url: str, api_key: str, keep_alive: bool) -> JsonClient:
    return JsonClient(provider=PROVIDER, base_url=base_url, headers={"api-key": api_key}, keep_alive=keep_alive)
