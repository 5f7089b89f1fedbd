"""The invariants of the ledger: one query for each.

A query returns the rows that break its invariant as ``order_number``, ``charge_id`` and ``details``; no row means that
it holds. Details are ids, statuses and amounts, and no personal data. Queries list the allowed combinations, so a new
status breaks an invariant until a developer adds it.

Check constraints are not checked again. Unique constraints are: a repair may have dropped one and not restored it.
"""

from charges.invariants.changes import CHANGES
from charges.invariants.disputes import DISPUTES
from charges.invariants.dunning import DUNNING
from charges.invariants.erasures import ERASURES
from charges.invariants.invariant import Invariant
from charges.invariants.payments import PAYMENTS
from charges.invariants.periods import PERIODS
from charges.invariants.refunds import REFUNDS
from charges.invariants.subscriptions import SUBSCRIPTIONS
from charges.invariants.trials import TRIALS

__all__ = ["INVARIANTS", "Invariant"]

INVARIANTS = (*PAYMENTS, *DUNNING, *REFUNDS, *DISPUTES, *SUBSCRIPTIONS, *PERIODS, *TRIALS, *ERASURES, *CHANGES)
