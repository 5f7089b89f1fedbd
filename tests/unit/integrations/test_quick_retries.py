from __future__ import annotations

import pytest

from integrations import quick_retries
from integrations.errors import ProviderRejected, ProviderThrottled, ProviderUnavailable, ProviderUnclear


class Provider:
    """Raises the given failures, then returns."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_retries, "WAITS_SECONDS", (0.0, 0.0, 0.0))


def test_work_that_fails_at_random_succeeds_within_one_delivery() -> None:
    provider = Provider(ProviderUnclear("500"), ProviderUnavailable("refused"), ProviderUnclear("reset"))
    assert quick_retries.with_quick_retries(provider) == "done"
    assert provider.calls == 4


def test_work_that_keeps_failing_is_left_to_the_ladder() -> None:
    provider = Provider(*(ProviderUnclear(str(number)) for number in range(9)))
    with pytest.raises(ProviderUnclear, match="3"):
        quick_retries.with_quick_retries(provider)
    assert provider.calls == 4


@pytest.mark.parametrize("failure", [ProviderThrottled("slow down"), ProviderRejected("no"), ValueError("a bug")])
def test_other_errors_are_not_retried(failure: Exception) -> None:
    provider = Provider(failure)
    with pytest.raises(type(failure)):
        quick_retries.with_quick_retries(provider)
    assert provider.calls == 1


def test_no_run_starts_after_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_retries, "BUDGET_SECONDS", -1.0)
    provider = Provider(ProviderUnclear("slow"))
    with pytest.raises(ProviderUnclear):
        quick_retries.with_quick_retries(provider)
    assert provider.calls == 1
