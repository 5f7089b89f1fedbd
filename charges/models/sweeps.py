"""The progress of periodic sweeps."""

from __future__ import annotations

from django.db import models


class SweepMark(models.Model):
    """The sweep of this name has processed everything up to ``swept_until``."""

    name = models.CharField(primary_key=True, max_length=40)
    swept_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.swept_until:%Y-%m-%d %H:%M}"
