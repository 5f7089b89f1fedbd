"""Assumptions about Dixa. Those marked [?] are unconfirmed. Correct them only here."""

from __future__ import annotations

# [?] Official samples send the bare token. The variable DIXA_AUTHORIZATION_PREFIX adds a word before it.
# https://docs.dixa.io/docs/api-standards-rules: ten calls per second and token, bursts of four.
CALLS_PER_SECOND = 10.0
BURST = 4

# [?] Dixa has no error codes. A 400 with one of these words means that another end user has the address or phone.
DUPLICATE_WORDS = ("exist", "duplicate", "already", "taken", "unique")

# Calls per upsert: one to update a known end user; two to search for a new one, and one to create it.
CALLS_TO_UPDATE = 1
CALLS_TO_CREATE = 3
