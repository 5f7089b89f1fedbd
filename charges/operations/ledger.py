"""Check the ledger: run the query of every invariant over the whole database, as it was at one moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from charges.invariants import INVARIANTS, Invariant

logger = logging.getLogger(__name__)

EXAMPLES = 20
SORT_MEMORY = "64MB"  # for each sort or hash of a query; PostgreSQL puts more on disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One row that breaks an invariant."""

    order_number: str | None
    charge_id: UUID | None
    details: str

    def __str__(self) -> str:
        order = f"order {self.order_number}" if self.order_number else ""
        charge = f"charge {self.charge_id}" if self.charge_id else ""
        return ", ".join(filter(None, (order, charge))) or self.details


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of one invariant: how many rows break it, the first of them, and the duration in seconds."""

    invariant: Invariant
    count: int
    examples: tuple[Violation, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        return self.count == 0


def check_ledger(*, before_each: Callable[[Invariant], None] = lambda _: None) -> list[Verdict]:
    """The verdict on every invariant, all of the same moment. Changes nothing and takes no lock."""
    with _one_moment():
        return examine(INVARIANTS, before_each=before_each)


def report_broken() -> None:
    """Log an error for every invariant that does not hold, with ids and no personal data."""
    verdicts = check_ledger()
    for verdict in verdicts:
        if not verdict.holds:
            logger.error(
                "The ledger is broken: %s, %d times. %s Next: %s",
                verdict.invariant.name,
                verdict.count,
                "; ".join(map(str, verdict.examples)),
                verdict.invariant.next_step,
            )
    broken = sum(not verdict.holds for verdict in verdicts)
    logger.info("Ledger checked: %d of %d invariants hold.", len(verdicts) - broken, len(verdicts))


def examine(invariants: Sequence[Invariant], *, before_each: Callable[[Invariant], None]) -> list[Verdict]:
    """The verdicts by the data that the running transaction sees; one statement per invariant."""
    verdicts = []
    for invariant in invariants:
        before_each(invariant)
        verdicts.append(_verdict(invariant))
    return verdicts


@contextmanager
def _one_moment() -> Iterator[None]:
    """A read-only transaction that sees the database as it was at its first statement."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT set_config('work_mem', %s, true)", [SORT_MEMORY])
        yield


def _verdict(invariant: Invariant) -> Verdict:
    began = time.monotonic()
    with connection.cursor() as cursor:
        # PostgreSQL counts the rows and returns only the examples.
        cursor.execute(
            f"SELECT count(*) OVER (), order_number, charge_id, details FROM ({invariant.query}) AS broken "
            f"ORDER BY order_number, charge_id, details LIMIT {EXAMPLES}"
        )
        rows = cursor.fetchall()
    return Verdict(
        invariant=invariant,
        count=rows[0][0] if rows else 0,
        examples=tuple(Violation(order_number=row[1], charge_id=row[2], details=row[3]) for row in rows),
        seconds=time.monotonic() - began,
    )
