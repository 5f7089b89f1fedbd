"""The first rows of a development shop: plans and a staff login. Existing rows are not changed."""

from __future__ import annotations

from typing import Any

STAFF_EMAIL = "admin@example.com"
STAFF_PASSWORD = "corner-shop"  # not a secret: the shop runs on loopback only
DIGITAL_PLAN = "magazine-monthly"

PLANS: tuple[dict[str, Any], ...] = (
    {"code": "coffee-monthly", "name": "Coffee, monthly", "amount": 1290, "currency": "EUR"},
    {"code": "coffee-yearly", "name": "Coffee, yearly", "amount": 12900, "currency": "EUR", "interval": "year"},
    {"code": "veg-box-weekly", "name": "Vegetable box, weekly", "amount": 2450, "currency": "EUR", "interval": "week",
     "needs_address": True},
    {"code": "tea-box-quarterly", "name": "Tea box, quarterly", "amount": 3300, "currency": "GBP", "interval_count": 3,
     "needs_address": True},
    {"code": DIGITAL_PLAN, "name": "Magazine, monthly", "amount": 490, "currency": "EUR", "is_digital": True},
    {"code": "magazine-yearly", "name": "Magazine, yearly", "amount": 4900, "currency": "EUR", "interval": "year",
     "is_digital": True},
    {"code": "manga-monthly", "name": "Manga, monthly", "amount": 980, "currency": "JPY", "is_digital": True},
)  # fmt: skip


def add_missing_rows() -> str:
    """Add the rows that are missing, and return a summary."""
    from subscriptions.models import Plan, User

    for plan in PLANS:
        Plan.objects.get_or_create(code=plan["code"], defaults=plan)
    if not User.objects.filter(email=STAFF_EMAIL).exists():
        User.objects.create_superuser(STAFF_EMAIL, STAFF_PASSWORD)
    return f"{Plan.objects.count()} plans, staff login {STAFF_EMAIL}"
