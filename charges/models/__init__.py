"""Payments and what becomes of them: charges with their attempts, dunning, refunds, disputes."""

from charges.models.disputes import Dispute
from charges.models.dunning import DunningRun, DunningStep
from charges.models.payments import Charge, ChargeAttempt, Counterpart, SavedCard, StripeCustomer
from charges.models.refunds import Refund
from charges.models.sweeps import SweepMark

__all__ = [
    "Charge",
    "ChargeAttempt",
    "Counterpart",
    "Dispute",
    "DunningRun",
    "DunningStep",
    "Refund",
    "SavedCard",
    "StripeCustomer",
    "SweepMark",
]
