"""Hand a claimed e-mail over to Brevo, and record the outcome."""

from __future__ import annotations

import datetime as dt

from integrations.brevo import messages
from integrations.errors import ProviderRejected, ProviderUnavailable, ProviderUnclear
from notifications.operations import claims
from notifications.operations.claims import ClaimedMessage
from notifications.operations.failures import code_of


def send_claimed(*, claimed: ClaimedMessage, email: messages.Email, at: dt.datetime) -> None:
    """Send the e-mail with the idempotency key of the claimed message. Raises what ``messages.send_email`` does."""
    notification = claimed.notification
    try:
        accepted = messages.send_email(
            email=email, idempotency_key=notification.idempotency_key, custom_id=str(notification.pk)
        )
    except ProviderUnavailable as error:
        claims.record_not_sent(claimed=claimed, error_code=code_of(error))
        raise
    except ProviderUnclear as error:
        claims.record_unclear(claimed=claimed, error_code=code_of(error), give_up=False)
        raise
    except ProviderRejected as error:
        claims.record_rejected(claimed=claimed, error_code=code_of(error))
        raise
    claims.record_sent(claimed=claimed, message_id=accepted.message_id, at=at)
