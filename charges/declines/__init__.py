"""Why payments fail: Stripe's codes, how to classify them, and the texts that staff and customers read."""

from charges.declines.classification import DeclineReading, classify
from charges.declines.codes import CONFIRM, ERROR_ON_OUR_SIDE, NOT_APPROVED, Category

__all__ = ["CONFIRM", "ERROR_ON_OUR_SIDE", "NOT_APPROVED", "Category", "DeclineReading", "classify"]
