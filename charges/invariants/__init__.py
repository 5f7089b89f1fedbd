"""What must hold of the whole ledger, whatever happened: one query each.

A query yields the rows that break its invariant as ``order_number``, ``charge_id``, ``details``; no row means that it
holds. Details are ids, states and amounts, nothing personal. What may go together is listed, and all else is found: a
state that is new to the tables shows up here until somebody has said what goes with it.

Check constraints are not proven again. Unique ones are: a repair may have dropped one and forgotten to put it back.
"""

from charges.invariants.disputes import DISPUTES
from charges.invariants.dunning import DUNNING
from charges.invariants.invariant import Invariant
from charges.invariants.payments import PAYMENTS
from charges.invariants.refunds import REFUNDS

__all__ = ["INVARIANTS", "Invariant"]

INVARIANTS = (*PAYMENTS, *DUNNING, *REFUNDS, *DISPUTES)
