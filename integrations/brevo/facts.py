"""Assumptions about Brevo. Those marked [?] are unconfirmed. Correct them only here."""

from __future__ import annotations

import datetime as dt

# https://developers.brevo.com/docs/heterogenous-versions-batch-emails: a repeated idempotencyKey is
# recognized for 30 minutes. [?] An old changelog says 15. One minute less, because clocks differ and calls take time.
RESEND_WITHIN = dt.timedelta(minutes=29)

# The error for a repeated key, and for an e-mail address, ext_id or phone that another contact has.
# [?] A first attempt that ended in a 5xx may have used its key. If Brevo reports the key as used, the mail was sent.
DUPLICATE = "duplicate_parameter"

# Attributes that every new account has. Brevo silently ignores unknown ones, so others must be created there first.
FIRST_NAME = "FIRSTNAME"
LAST_NAME = "LASTNAME"
PHONE = "SMS"
EMAIL = "EMAIL"

# [?] An empty string clears an attribute.
EMPTY = ""

# https://developers.brevo.com/docs/api-limits: /contacts/* allows ten calls per second on an ordinary plan.
CONTACT_CALLS_PER_SECOND = 10.0
CONTACT_BURST = 5

# Calls per upsert: one to update a known contact; two to create a contact and then set its phone.
CALLS_TO_UPDATE = 1
CALLS_TO_CREATE = 2

# [?] Brevo treats message content as a template ({{ params.x }}), so braces in a customer's name must be replaced.
TEMPLATE_MARKS = {ord("{"): "(", ord("}"): ")"}

# https://en.wikipedia.org/wiki/GSM_03.38: an SMS part has 160 characters of this alphabet, or 70 of any other.
GSM_ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
