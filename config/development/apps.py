from __future__ import annotations

from django.apps import AppConfig


class Development(AppConfig):
    """The management commands of development. The app is installed only with ``DJANGO_DEBUG=1``."""

    name = "config.development"
    label = "development"

    def ready(self) -> None:
        from config.development import clock

        clock.follow()
