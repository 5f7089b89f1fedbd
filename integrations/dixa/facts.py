"""What we believe of Dixa, in one place. Facts marked [?] are unconfirmed.

Correct them here, and nowhere else.
"""

from __future__ import annotations

# [?] Official samples send the bare token; the variable DIXA_AUTHORIZATION_PREFIX puts a word before it.
# https://docs.dixa.io/docs/api-standards-rules: ten calls a second for each token, bursts of four.
CALLS_PER_SECOND = 10.0
BURST = 4

# [?] Dixa has no codes, only text: a 400 with one of these words means that an address or a phone is
# somebody's.
DUPLICATE_WORDS = ("exist", "duplicate", "already", "taken", "unique")

# What an upsert costs: a known end user is patched; a new one is looked for by our id and by e-mail, then
# made.
CALLS_TO_UPDATE = 1
CALLS_TO_CREATE = 3
