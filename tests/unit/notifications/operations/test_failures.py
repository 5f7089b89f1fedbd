from __future__ import annotations

import pytest

from integrations.errors import ProviderError, ProviderRefused, ProviderThrottled, ProviderUnavailable, ProviderUnclear
from integrations.http import AccountRefused, RequestRejected
from notifications.operations.failures import code_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestRejected("Brevo", status=400, code="invalid_parameter"), "refused:invalid_parameter"),
        (RequestRejected("Brevo", status=422, code=""), "refused:422"),
        (ProviderThrottled("Brevo"), "throttled"),
        (AccountRefused("Brevo"), "account_refused"),
        (ProviderUnavailable("Brevo"), "unavailable"),
        (ProviderUnclear("Brevo"), "outcome_unknown"),
        (ProviderRefused("ann@example.com"), "refused"),
    ],
)
def test_each_failure_has_a_code_without_personal_data(error: ProviderError, code: str) -> None:
    assert code_of(error) == code
