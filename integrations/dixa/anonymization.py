"""Anonymize an end user with the conversations and messages. Dixa has no deletion.

https://docs.dixa.io/docs/gdpr-data-anonymisation
"""

from __future__ import annotations

from uuid import UUID

from integrations.dixa.client import client
from integrations.dixa.end_users import find_by_customer
from integrations.http import Deadline, RequestRejected

# Seconds for the two calls of one request.
REQUEST_SECONDS = 20.0


class ConversationsAreOpen(Exception):
    """Dixa refuses: conversations of the end user are open. ``force`` overrides it."""


def request_anonymization(*, customer_id: UUID, force: bool) -> str | None:
    """Have Dixa anonymize the customer's end user; return the id of Dixa's request.

    It is empty if Dixa had got a request before, and None if the customer has no end user (any more). Raises
    ``ConversationsAreOpen`` and what ``JsonClient`` does.
    """
    deadline = Deadline(REQUEST_SECONDS)
    end_user = find_by_customer(customer_id=customer_id, deadline=deadline)
    if not end_user:
        return None
    params = {"force": "true"} if force else None
    try:
        response = client().request("PATCH", f"/endusers/{end_user}/anonymize", params=params, deadline=deadline)
    except RequestRejected as rejection:
        # [?] 409: it is being anonymized. 400: conversations are open. Dixa has no error codes.
        match rejection.status:
            case 404:
                return None
            case 409:
                return ""
            case 400 if not force:
                raise ConversationsAreOpen from None
        raise
    data = response.field("data")
    return str(data.get("id", "")) if isinstance(data, dict) else ""


def is_processed(*, request_id: str) -> bool:
    """Whether Dixa has finished this request. Raises what ``JsonClient`` does."""
    data = client().request("GET", f"/anonymization/request/{request_id}").field("data")
    return isinstance(data, dict) and bool(data.get("processedAt"))
