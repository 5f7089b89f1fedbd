"""The progress of periodic fetches from Stripe."""

from __future__ import annotations

from django.db import models


class FetchMark(models.Model):
    """The fetch of this name has recorded everything up to ``fetched_until``."""

    name = models.CharField(primary_key=True, max_length=40)
    fetched_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.fetched_until:%Y-%m-%d %H:%M}"
