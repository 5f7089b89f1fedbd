"""Log in by the signed link of a mail."""

from __future__ import annotations

from typing import Any

from sesame import backends

from subscriptions.models import User


class CustomerBackend(backends.ModelBackend):  # type: ignore[misc]  # the package has no types
    """Accepts customers' active logins, and no login of staff.

    Django asks it again at each request of a session that it began. So a session ends when its login becomes staff or
    is deactivated.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        return isinstance(user, User) and super().user_can_authenticate(user) and not user.has_authority
