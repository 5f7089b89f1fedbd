"""The connection to Dixa."""

from __future__ import annotations

import functools

from django.conf import settings

from integrations.http import JsonClient

PROVIDER = "dixa"


def client() -> JsonClient:
    """The client for the account in the settings."""
    words = (settings.DIXA_AUTHORIZATION_PREFIX.strip(), settings.DIXA_API_TOKEN)
    return _client(settings.DIXA_API_BASE, " ".join(filter(None, words)))


@functools.lru_cache(maxsize=8)
def _client(base_url: str, authorization: str) -> JsonClient:
    return JsonClient(provider=PROVIDER, base_url=base_url, headers={"Authorization": authorization})
