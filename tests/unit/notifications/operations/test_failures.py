from __future__ import annotations

import pytest

from integrations.errors import ProviderError, ProviderRejected, ProviderThrottled, ProviderUnavailable, ProviderUnclear
from integrations.http import AccountRejected, RequestRejected
from notifications.operations.failures import code_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestRejected("Brevo", status=400, code="invalid_parameter"), "rejected:invalid_parameter"),
        (RequestRejected("Brevo", status=422, code=""), "rejected:422"),
        (ProviderThrottled("Brevo"), "throttled"),
        (AccountRejected("Brevo"), "account_rejected"),
        (ProviderUnavailable("Brevo"), "unavailable"),
        (ProviderUnclear("Brevo"), "outcome_unknown"),
        (ProviderRejected("ann@example.com"), "rejected"),
    ],
)
def test_each_failure_has_a_code_without_personal_data(error: ProviderError, code: str) -> None:
    assert code_of(error) == code
