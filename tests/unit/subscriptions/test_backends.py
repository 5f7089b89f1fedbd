from __future__ import annotations

import pytest

from subscriptions.backends import CustomerBackend
from subscriptions.models import User


@pytest.mark.parametrize(
    ("fields", "may"),
    [({}, True), ({"is_active": False}, False), ({"is_staff": True}, False), ({"is_superuser": True}, False)],
)
def test_a_session_by_mail_is_for_customers_only(db: None, fields: dict[str, bool], may: bool) -> None:
    login = User.objects.create_user("ann@example.com", **fields)
    assert (CustomerBackend().get_user(login.pk) == login) is may


def test_the_settings_harden_the_links() -> None:
    from sesame import settings

    assert (settings.MAX_AGE, settings.ONE_TIME, settings.INVALIDATE_ON_EMAIL_CHANGE) == (900, True, True)
    assert settings.INVALIDATE_ON_PASSWORD_CHANGE and settings.SIGNATURE_SIZE == 16
    assert [module.__name__ for module in settings.TOKENS] == ["sesame.tokens_v2"]
