"""A difference is one finding, however often it is found, until it is gone or a person resolved it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from charges.models import ReconciliationFinding, ReconciliationKind, ReconciliationRun
from charges.operations.reconciliation import findings
from charges.operations.reconciliation.differences import Difference
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.factories import make_charge, staff_user

pytestmark = pytest.mark.django_db

LATER = NOW + dt.timedelta(days=1)
Problem, Status = ReconciliationFinding.Problem, ReconciliationFinding.Status


def run(**fields: Any) -> ReconciliationRun:
    values = {"since": NOW - dt.timedelta(days=1), "until": NOW, "started_at": NOW, **fields}
    return ReconciliationRun.objects.create(**values)


def difference(stripe_id: str = "pi_1", **fields: Any) -> Difference:
    values = {"kind": "intent", "problem": "amount_differs", "details": "1 and 2", "made_at": NOW, **fields}
    return Difference(stripe_id=stripe_id, **values)


def record(*differences: Difference, by: ReconciliationRun | None = None, at: dt.datetime = NOW) -> None:
    findings.record(by or run(), differences, at=at)


def finding() -> ReconciliationFinding:
    return ReconciliationFinding.objects.get()


def test_a_new_difference_is_a_suspicion_to_look_at_with_its_next_step() -> None:
    charge, current = make_charge(), run()
    record(difference(charge_id=charge.pk), by=current)
    found = finding()
    assert (found.status, found.check_again, found.run, found.charge) == ("suspected", True, current, charge)
    assert (found.details, found.made_at, found.first_seen_at, found.last_seen_at) == ("1 and 2", NOW, NOW, NOW)
    assert found.next_step == findings.NEXT_STEPS["intent", "amount_differs"]


def test_found_again_it_is_the_same_finding_with_the_current_details() -> None:
    record(difference())
    second = run()
    record(difference(details="1 and 3"), by=second, at=LATER)
    found = finding()
    assert (found.run, found.details, found.first_seen_at, found.last_seen_at) == (second, "1 and 3", NOW, LATER)


def test_another_problem_kind_or_object_is_another_finding() -> None:
    record(difference(), difference(problem="status_differs"), difference(kind="refund"), difference("pi_2"))
    assert ReconciliationFinding.objects.count() == 4


def test_a_closed_finding_opens_again_if_the_difference_is_back() -> None:
    record(difference())
    findings.close(finding(), resolution=findings.GONE, at=NOW)
    assert (finding().status, finding().resolved_at, finding().check_again) == ("resolved", NOW, False)
    record(difference(), at=LATER)
    assert (finding().status, finding().resolved_at, finding().check_again) == ("suspected", None, True)


class TestMarkResolved:
    def mark(self, reason: str = "Refunded by hand") -> int:
        ids = ReconciliationFinding.objects.values_list("pk", flat=True)
        return findings.mark_resolved(finding_ids=list(ids), by=staff_user(), reason=reason, at=NOW)

    def test_a_person_resolves_it_once_with_a_reason(self) -> None:
        record(difference())
        assert (self.mark(" Refunded by hand "), self.mark("again")) == (1, 0)
        found = finding()
        assert (found.status, found.resolution, found.check_again) == ("resolved", "Refunded by hand", False)
        assert found.resolved_by is not None

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_without_a_reason_nothing_changes(self, reason: str) -> None:
        record(difference())
        with pytest.raises(findings.ReasonMissing):
            self.mark(reason)
        assert finding().status == "suspected"

    @pytest.mark.parametrize(("details", "status"), [("1 and 2", "resolved"), ("1 and 3", "suspected")])
    def test_it_stays_resolved_until_the_difference_changes(self, details: str, status: str) -> None:
        record(difference())
        self.mark()
        record(difference(details=details), at=LATER)
        assert (finding().status, finding().resolved_by is not None) == (status, status == "resolved")

    def test_a_worker_that_was_looking_at_it_does_not_open_it_again(self) -> None:
        record(difference())
        seen_before = finding()
        self.mark()
        findings.keep_open(seen_before, details="1 and 2")
        assert (finding().status, finding().resolution) == ("resolved", "Refunded by hand")


def test_a_finding_that_stays_is_open_with_the_attempted_remedy() -> None:
    record(difference())
    findings.keep_open(finding(), details="1 and 4", resolution="Read again.")
    found = finding()
    assert (found.status, found.details, found.resolution, found.check_again) == (
        "open", "1 and 4", "Read again.", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("night", "adopted"),
    [(None, {"pi_in_window"}), (NOW.date(), {"pi_in_window", "pi_older"})],
    ids=["command", "nightly"],
)
def test_a_run_adopts_unresolved_findings_of_earlier_runs(night: dt.date | None, adopted: set[str]) -> None:
    record(
        difference("pi_in_window", made_at=NOW - dt.timedelta(hours=1)),
        difference("pi_older", made_at=NOW - dt.timedelta(days=9)),
        difference("pi_too_new", made_at=LATER),
        difference("pi_resolved", made_at=NOW - dt.timedelta(hours=1)),
    )
    ReconciliationFinding.objects.update(check_again=False)
    findings.close(ReconciliationFinding.objects.get(stripe_id="pi_resolved"), resolution="gone", at=NOW)
    current = run(night=night)
    findings.adopt_earlier(current)
    taken = ReconciliationFinding.objects.filter(run=current, check_again=True)
    assert set(taken.values_list("stripe_id", flat=True)) == adopted


def test_the_unresolved_problems_of_one_object() -> None:
    record(difference(), difference(problem="status_differs"), difference("pi_2", problem="not_linked"))
    findings.close(ReconciliationFinding.objects.get(problem="status_differs"), resolution="gone", at=NOW)
    assert findings.unresolved_problems(kind="intent", stripe_id="pi_1") == {"amount_differs"}


def test_every_problem_that_a_kind_can_have_has_a_next_step() -> None:
    kinds = {kind for kind, _ in findings.NEXT_STEPS}
    assert kinds == set(ReconciliationKind.values)
    assert {problem for kind, problem in findings.NEXT_STEPS if kind == "intent"} == set(Problem.values)


def test_many_differences_take_as_many_queries_as_one(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    current = run()
    record(*(difference(f"pi_{number}") for number in range(3)), by=current)
    with django_assert_num_queries(3):
        record(*(difference(f"pi_{number}") for number in range(20)), by=current)
    with django_assert_num_queries(0):
        findings.record(current, [], at=NOW)


@pytest.mark.django_db(transaction=True)
def test_two_runs_that_find_the_same_save_it_once() -> None:
    first, second = run(), run()
    results = at_once(lambda: record(difference(), by=first), lambda: record(difference(), by=second))
    assert results == [None, None]
    assert finding().status == "suspected"
