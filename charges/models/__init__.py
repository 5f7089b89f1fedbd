"""Charges with their attempts, dunning, refunds, disputes, and the reconciliation with Stripe."""

from charges.models.card_expiries import CardExpiryWarning
from charges.models.disputes import Dispute
from charges.models.dunning import DunningRun, DunningStep
from charges.models.fetch_marks import FetchMark
from charges.models.payments import Charge, ChargeAttempt, RemoteObject, SavedPaymentMethod, StripeCustomer
from charges.models.reconciliation import (
    ReconciliationFinding,
    ReconciliationKind,
    ReconciliationRun,
    SeenAtStripe,
)
from charges.models.refunds import Refund

__all__ = [
    "CardExpiryWarning",
    "Charge",
    "ChargeAttempt",
    "Dispute",
    "DunningRun",
    "DunningStep",
    "FetchMark",
    "ReconciliationFinding",
    "ReconciliationKind",
    "ReconciliationRun",
    "Refund",
    "RemoteObject",
    "SavedPaymentMethod",
    "SeenAtStripe",
    "StripeCustomer",
]
