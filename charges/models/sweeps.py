"""How far the periodic sweeps have come."""

from __future__ import annotations

from django.db import models


class SweepMark(models.Model):
    """Everything up to ``swept_until`` has been looked at by the sweep of this name."""

    name = models.CharField(primary_key=True, max_length=40)
    swept_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.swept_until:%Y-%m-%d %H:%M}"
