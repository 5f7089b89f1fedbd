from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OutboxConfig(AppConfig):
    name = "integrations.outbox"
    label = "outbox"
    verbose_name = "Outbox"

    def ready(self) -> None:
        # A web process would not import the tasks, and events without consumers cannot be published.
        autodiscover_modules("tasks")
