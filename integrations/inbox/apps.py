from __future__ import annotations

from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "integrations.inbox"
    label = "inbox"
    verbose_name = "Inbox"
