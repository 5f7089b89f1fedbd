from __future__ import annotations

import logging

from django.apps import AppConfig
from django.conf import settings

from integrations import logs


class CompositionRoot(AppConfig):
    name = "config"
    verbose_name = "Configuration"

    def ready(self) -> None:
        logging.captureWarnings(True)  # log them like all other lines, as JSON
        # Every process needs the Celery app, not only the worker and the scheduler.
        from django.contrib import admin

        import config.celery  # noqa: F401  it reads the settings, so it cannot be imported above

        # Load balancers and browsers ask for these all the time; lines about them would hide the others.
        for path in ("/healthz", "/readyz", settings.STATIC_URL):
            logs.register_unlogged_path(path)
        admin.site.site_title = settings.SHOP_NAME
        admin.site.site_header = f"{settings.SHOP_NAME} · times are {settings.TIME_ZONE}"
        admin.site.index_title = "Back office"
        # The lists need its width. The breadcrumbs of each page lead back to the index.
        admin.site.enable_nav_sidebar = False
