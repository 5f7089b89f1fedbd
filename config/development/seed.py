"""The first rows of a development shop: plans and a staff login. Existing rows are not changed."""

from __future__ import annotations

from typing import Any

STAFF_EMAIL = "admin@example.com"
STAFF_PASSWORD = "corner-shop"  # not a secret: the shop runs on loopback only
DIGITAL_PLAN = "magazine-monthly"

# Each plan, and the terms of its price.
PLANS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"code": "coffee-monthly", "name": "Coffee, monthly", "cut_off_hours": 48, "max_skips": 2},
     {"amount": 1290, "currency": "EUR"}),
    ({"code": "coffee-yearly", "name": "Coffee, yearly", "renewal_reminder_days": 30},
     {"amount": 12900, "currency": "EUR", "interval": "year"}),
    ({"code": "veg-box-weekly", "name": "Vegetable box, weekly", "needs_address": True, "cut_off_hours": 24,
      "max_skips": 4},
     {"amount": 2450, "currency": "EUR", "interval": "week"}),
    ({"code": "tea-box-quarterly", "name": "Tea box, quarterly", "needs_address": True, "cut_off_hours": 72,
      "max_skips": 1},
     {"amount": 3300, "currency": "GBP", "interval_count": 3}),
    ({"code": DIGITAL_PLAN, "name": "Magazine, monthly", "is_digital": True},
     {"amount": 490, "currency": "EUR"}),
    ({"code": "magazine-yearly", "name": "Magazine, yearly", "is_digital": True,
      "renewal_reminder_days": 30},
     {"amount": 4900, "currency": "EUR", "interval": "year"}),
    ({"code": "audiobooks-monthly", "name": "Audiobooks, monthly", "is_digital": True, "trial_days": 14},
     {"amount": 990, "currency": "EUR"}),
    ({"code": "recipe-box-weekly", "name": "Recipe box, weekly", "needs_address": True, "cut_off_hours": 48,
      "max_skips": 4, "trial_days": 7, "trial_reminder_days": 3},
     {"amount": 3990, "currency": "EUR", "interval": "week"}),
    ({"code": "manga-monthly", "name": "Manga, monthly", "is_digital": True},
     {"amount": 980, "currency": "JPY"}),
)  # fmt: skip


def add_missing_rows() -> str:
    """Add the rows that are missing, and return a summary."""
    from django.utils import timezone

    from subscriptions import actors
    from subscriptions.models import Plan, User
    from subscriptions.operations.prices import Terms, set_price
    from subscriptions.queries import current_price

    for fields, terms in PLANS:
        plan, _ = Plan.objects.get_or_create(code=fields["code"], defaults=fields)
        if current_price(plan=plan) is None:
            set_price(plan=plan, terms=Terms(**terms), actor=actors.system("development.seed"), at=timezone.now())
    if not User.objects.filter(email=STAFF_EMAIL).exists():
        User.objects.create_superuser(STAFF_EMAIL, STAFF_PASSWORD)
    return f"{Plan.objects.count()} plans, staff login {STAFF_EMAIL}"
