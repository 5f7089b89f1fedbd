"""The form for a plan: each error stands beside its field."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from subscriptions.models import Plan

NOW = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
VALID = {"code": "coffee", "name": "Coffee"}


def errors(**fields: object) -> list[str]:
    try:
        Plan(**VALID, **fields).full_clean(validate_unique=False)
    except ValidationError as error:
        return sorted(error.message_dict)
    return []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"available_from": NOW, "available_until": NOW + dt.timedelta(seconds=1)},
        {"available_until": NOW},
        {"trial_days": 730, "trial_reminder_days": 365, "renewal_reminder_days": 365},
        {"cut_off_hours": 672, "max_skips": 12},
        {"is_digital": True, "trial_days": 14},
    ],
)
def test_accepted(db: None, fields: dict[str, object]) -> None:
    assert errors(**fields) == []


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"available_from": NOW, "available_until": NOW}, ["available_until"]),
        ({"trial_days": 731}, ["trial_days"]),
        ({"trial_reminder_days": 366}, ["trial_reminder_days"]),
        ({"renewal_reminder_days": 366}, ["renewal_reminder_days"]),
        ({"cut_off_hours": 673}, ["cut_off_hours"]),
        ({"is_digital": True, "cut_off_hours": 24, "max_skips": 1}, ["cut_off_hours", "max_skips"]),
    ],
)
def test_refused_beside_the_field(db: None, fields: dict[str, object], refused: list[str]) -> None:
    assert errors(**fields) == refused
