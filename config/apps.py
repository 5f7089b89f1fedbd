from __future__ import annotations

from django.apps import AppConfig


class CompositionRoot(AppConfig):
    name = "config"
    verbose_name = "Configuration"

    def ready(self) -> None:
        # So that every process of ours has the one Celery app, not only those that `celery -A config` starts.
        import config.celery  # noqa: F401  it reads the settings, which are not ready above
