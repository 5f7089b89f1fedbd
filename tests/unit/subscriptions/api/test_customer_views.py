"""How old a login may be for what needs the customer's own recent login."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from rest_framework import exceptions

from subscriptions.api.customer_views import ActsForCustomer, require_fresh_login
from subscriptions.models import ApiKey, User


def session(**age: int) -> Any:
    return SimpleNamespace(session={"logged_in_at": (timezone.now() - dt.timedelta(**age)).timestamp()} if age else {})


def test_a_login_of_the_last_15_minutes_is_enough() -> None:
    require_fresh_login(session(minutes=14, seconds=50))


@pytest.mark.parametrize("age", [{"minutes": 15}, {"days": 3}, {}])
def test_an_older_login_is_not(age: dict[str, int]) -> None:
    with pytest.raises(exceptions.PermissionDenied):
        require_fresh_login(session(**age))


@pytest.mark.parametrize(
    ("method", "scope", "may"),
    [
        ("GET", "customers.read", True),
        ("HEAD", "customers.read", True),
        ("PATCH", "customers.read", False),
        ("DELETE", "customers.write", True),
        ("GET", "customers.write", False),
        ("GET", "checkout", False),
    ],
)
def test_a_key_needs_the_scope_of_the_method(method: str, scope: str, may: bool) -> None:
    request: Any = SimpleNamespace(auth=ApiKey(scopes=[scope]), method=method)
    assert ActsForCustomer().has_permission(request, None) is may  # type: ignore[arg-type]


@pytest.mark.parametrize(("fields", "may"), [({}, True), ({"is_staff": True}, False), ({"is_superuser": True}, False)])
def test_a_session_must_be_a_customers(fields: dict[str, bool], may: bool) -> None:
    request: Any = SimpleNamespace(auth=None, method="GET", user=User(**fields))
    assert ActsForCustomer().has_permission(request, None) is may  # type: ignore[arg-type]
