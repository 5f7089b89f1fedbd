from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OutboxConfig(AppConfig):
    name = "integrations.outbox"
    label = "outbox"
    verbose_name = "Outbox"

    def ready(self) -> None:
        # A web process imports no tasks by itself; without their consumers, events would have nobody to go to.
        autodiscover_modules("tasks")
