"""The figures of a simulation as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config.development.simulation.figures import Month
from config.development.simulation.run import Result
from subscriptions.money import formatted


def lines(result: Result) -> Iterator[str]:
    """The table of the months, then what happened and whether the ledger is correct."""
    yield from table(result.months)
    yield ""
    yield "Dunning recovered " + _share(
        sum(month.recovered for month in result.months), sum(month.failed - month.waiting for month in result.months)
    ) + " of the renewals whose payment had failed and whose dunning has ended."
    yield "What happened: " + ", ".join(f"{name} {count:,}" for name, count in sorted(result.totals.items())) + "."
    holds = result.invariants - len(result.broken)
    yield f"Ledger: {holds} of {result.invariants} invariants hold."


def table(months: Sequence[Month]) -> list[str]:
    """One row for each month, with aligned columns."""
    currencies = currencies_of(months)
    heads = ["Month", "Active", "New", "Ended", "Churn", "Renewals", "Failed", "Recovered", *currencies]
    rows = [heads, *(_row(month, currencies) for month in months)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]  # fmt: skip


def currencies_of(months: Sequence[Month]) -> list[str]:
    """Every currency with revenue, in alphabetical order."""
    return sorted({currency for month in months for currency in month.revenue})


def _row(month: Month, currencies: Sequence[str]) -> list[str]:
    revenue = [formatted(amount=month.revenue.get(currency, 0), currency=currency)[: -len(currency) - 1]
               for currency in currencies]  # fmt: skip
    return [
        f"{month.start:%Y-%m}",
        f"{month.active:,}",
        f"{month.new:,}",
        f"{month.ended:,}",
        f"{month.churn:.1%}",
        f"{month.renewals:,}",
        f"{month.failed:,}",
        _share(month.recovered, month.failed - month.waiting),
        *revenue,
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"
