"""Requests of one customer, key or address are counted together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from subscriptions.api.throttles import AccountThrottle, ApiKeyThrottle, LoginAttemptThrottle
from subscriptions.models import ApiKey

SESSION: Any = SimpleNamespace(auth=None, user=SimpleNamespace(pk="login-1"))
KEY: Any = SimpleNamespace(auth=ApiKey(), user=SimpleNamespace(pk=None))


def test_each_login_and_each_key_counts_on_its_own() -> None:
    assert AccountThrottle().caller(SESSION) == "login-1"
    assert ApiKeyThrottle().caller(SESSION) is None
    assert AccountThrottle().caller(KEY) is None
    assert ApiKeyThrottle().caller(KEY) == str(KEY.auth.pk)


@pytest.mark.parametrize("throttle", [AccountThrottle, ApiKeyThrottle, LoginAttemptThrottle])
def test_no_scope_is_shared(throttle: type) -> None:
    scopes = ["checkout", "refunds", "setup_intents", "payment_changes_by_address", "payment_changes_by_order"]
    assert throttle.scope not in scopes  # type: ignore[attr-defined]
