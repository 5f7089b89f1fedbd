"""The admin pages of charges. Importing this package registers them."""

from charges.admin import disputes, dunning, payments, reconciliation, refunds, stripe_objects

__all__ = ["disputes", "dunning", "payments", "reconciliation", "refunds", "stripe_objects"]
