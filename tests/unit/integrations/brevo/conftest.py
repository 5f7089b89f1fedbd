from __future__ import annotations

from tests.unit.notifications.conftest import brevo_sandbox, running_brevo_sandbox

__all__ = ["brevo_sandbox", "running_brevo_sandbox"]
