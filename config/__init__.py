"""The composition root: it wires the apps together, and nobody imports it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
