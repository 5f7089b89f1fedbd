"""The log of the e-mails that Brevo has sent, with their recipients and contents.

https://developers.brevo.com/reference/deletesmtplog
"""

from __future__ import annotations

from urllib.parse import quote

from integrations.brevo.client import client
from integrations.http import RequestRejected


def delete_log(*, email: str) -> bool:
    """Have Brevo delete its log of the e-mails to this address, within 24 to 48 hours. Safe to repeat.

    Returns False if Brevo has no log of this address. Raises what ``JsonClient`` does.
    """
    try:
        client().request("DELETE", f"/smtp/log/{quote(email, safe='')}", log_as="/smtp/log/[email]")
    except RequestRejected as rejection:
        if rejection.status == 404:
            return False
        raise
    return True
