"""The WSGI application, for gunicorn."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application

from config.chunked import ChunkedBodies

application = ChunkedBodies(get_wsgi_application())
