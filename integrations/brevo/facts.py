"""What we believe of Brevo, in one place. Facts marked [?] are unconfirmed.

Correct them here, and nowhere else.
"""

from __future__ import annotations

import datetime as dt

# https://developers.brevo.com/docs/heterogenous-versions-batch-emails: a repeated idempotencyKey is
# recognized for 30 minutes. [?] An old changelog says 15. One minute less, for the clocks and the time on the
# wire.
RESEND_WITHIN = dt.timedelta(minutes=29)

# The answer to a repeated key, and to a contact's e-mail address, ext_id or phone that another contact has.
# [?] A first try that ended in a 5xx may or may not have used up its key; we take the key's word for it.
DUPLICATE = "duplicate_parameter"

# Attributes that every new account has. Others must be made in Brevo first; unknown ones are ignored in
# silence.
FIRST_NAME = "FIRSTNAME"
LAST_NAME = "LASTNAME"
PHONE = "SMS"
EMAIL = "EMAIL"

# [?] An empty string empties an attribute.
EMPTY = ""

# https://developers.brevo.com/docs/api-limits: /contacts/* takes ten calls a second on an ordinary plan.
CONTACT_CALLS_PER_SECOND = 10.0
CONTACT_BURST = 5

# What an upsert costs: a known contact is updated; a new one is made, and then given its phone.
CALLS_TO_UPDATE = 1
CALLS_TO_CREATE = 2

# [?] Message content is a template to Brevo ({{ params.x }}), so braces in a customer's name would be read as
# one.
TEMPLATE_MARKS = {ord("{"): "(", ord("}"): ")"}

# https://en.wikipedia.org/wiki/GSM_03.38: text within this alphabet has 160 characters a part, any other 70.
GSM_ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
