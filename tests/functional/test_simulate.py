"""``manage.py simulate``: months of the shop in seconds, with accidents, and a ledger that is correct at the end."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from config.development.simulation import database, plot, report
from config.development.simulation.figures import Month
from config.development.simulation.run import Result, simulate
from subscriptions.models import Customer
from tests.support.days import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def run(*, subscriptions: int, days: int, seed: int = 7) -> Result:
    template = connection.settings_dict["TEST"]["TEMPLATE"]
    return simulate(subscriptions=subscriptions, days=days, seed=seed, template=template)


def month(**figures: Any) -> Month:
    values = {"start": NOW, "active": 90, "new": 12, "ended": 10, "revenue": {"EUR": 123456, "JPY": 9800},
              "renewals": 80, "failed": 6, "recovered": 3, "waiting": 1, **figures}  # fmt: skip
    return Month(**values)


def test_a_month_of_the_shop() -> None:
    name, real = connection.settings_dict["NAME"], timezone.now

    result = run(subscriptions=10, days=30, seed=2)

    assert result.broken == []
    assert sum(month.new for month in result.months) > 5
    assert sum(month.renewals for month in result.months) > 0
    accidents = ("lost", "duplicated", "killed", "retried", "webhooks lost", "outages of stripe")
    assert sum(result.totals[name] for name in accidents) > 0
    assert sum(month.revenue.get("EUR", 0) for month in result.months) > 5 * 1290
    # The shop's own database and clock are as before.
    assert (connection.settings_dict["NAME"], timezone.now) == (name, real)
    assert not Customer.objects.exists()
    with connection.cursor() as cursor:
        # Another process of the test run may have a simulation of its own.
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [f"{database.PREFIX}{os.getpid()}"])
        assert cursor.fetchone() == (0,)


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = (run(subscriptions=2, days=4, seed=3) for _ in range(2))

    assert (first.months, first.totals) == (second.months, second.totals)


def test_the_table_is_in_major_units() -> None:
    head, row = report.table([month()])

    assert head.split() == ["Month", "Active", "New", "Ended", "Churn", "Renewals", "Failed", "Recovered", "EUR", "JPY"]
    assert row.split() == ["2026-03", "90", "12", "10", "10.0%", "80", "6", "60%", "1,234.56", "9,800"]


def test_the_plot_is_an_svg_with_a_panel_for_each_currency() -> None:
    text = plot.svg([month(), month(revenue={}, active=0)], title="A <test>")

    ElementTree.fromstring(text)
    assert "Revenue in EUR" in text and "Revenue in JPY" in text
    assert "A &lt;test&gt;" in text
    assert "prefers-color-scheme: dark" in text


def test_the_command_writes_the_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Result(months=[month()], totals={}, invariants=41, broken=["paid_once"], seconds=1.0)  # type: ignore[arg-type]
    monkeypatch.setattr("config.development.simulation.run.simulate", lambda **_: result)
    output = io.StringIO()

    with pytest.raises(CommandError, match="paid_once"):
        call_command("simulate", f"--plot={tmp_path / 'year.svg'}", stdout=output, stderr=io.StringIO())

    assert "40 of 41 invariants hold" in output.getvalue()
    assert (tmp_path / "year.svg").read_text().startswith("<svg")


def test_numbers_below_one_are_refused() -> None:
    with pytest.raises(CommandError, match="1 or more"):
        call_command("simulate", "--days=0")
