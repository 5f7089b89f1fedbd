"""The admin pages of charges. Importing this package registers them."""

from charges.admin import (
    disputes,
    dunning,
    order_sections,
    payments,
    reconciliation,
    refunds,
    stripe_objects,
    subscription_actions,
)

__all__ = [
    "disputes",
    "dunning",
    "order_sections",
    "payments",
    "reconciliation",
    "refunds",
    "stripe_objects",
    "subscription_actions",
]
