from __future__ import annotations

import pytest

from integrations import quick_retries
from integrations.errors import ProviderRefused, ProviderThrottled, ProviderUnavailable, ProviderUnclear


class Provider:
    """Fails as told, then answers."""

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


def test_what_fails_now_and_then_is_done_within_one_delivery() -> None:
    provider = Provider(ProviderUnclear("500"), ProviderUnavailable("refused"), ProviderUnclear("reset"))
    assert quick_retries.with_quick_retries(provider) == "done"
    assert provider.calls == 4


def test_what_goes_on_failing_is_left_to_the_ladder() -> None:
    provider = Provider(*(ProviderUnclear(str(number)) for number in range(9)))
    with pytest.raises(ProviderUnclear, match="3"):
        quick_retries.with_quick_retries(provider)
    assert provider.calls == 4


@pytest.mark.parametrize("failure", [ProviderThrottled("slow down"), ProviderRefused("no"), ValueError("a bug")])
def test_nothing_else_is_tried_again_at_once(failure: Exception) -> None:
    provider = Provider(failure)
    with pytest.raises(type(failure)):
        quick_retries.with_quick_retries(provider)
    assert provider.calls == 1


def test_no_round_begins_when_the_time_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_retries, "BUDGET_SECONDS", -1.0)
    provider = Provider(ProviderUnclear("slow"))
    with pytest.raises(ProviderUnclear):
        quick_retries.with_quick_retries(provider)
    assert provider.calls == 1
