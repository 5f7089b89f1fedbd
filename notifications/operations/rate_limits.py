"""One turn after another, all workers together: a provider's limit counts for the account, not for a process.

A leaky bucket in one row: each caller takes the next free moment and waits for it. A provider's own 429 is
obeyed besides; this only makes it rare.
"""

from __future__ import annotations

import time

from django.db import connection

from integrations.errors import ProviderThrottled

# The longest that a worker waits for its turn, in seconds; beyond that the message goes back to its queue.
MAX_WAIT_SECONDS = 4.0

# The next free moment; no row where too many wait already. Who has been quiet may catch up by a few calls at
# once.
TAKE_SLOT = """
    INSERT INTO notifications_ratelimit AS rate_limit (name, next_at)
    VALUES (%(name)s, clock_timestamp() + make_interval(secs => %(takes)s - %(burst)s))
    ON CONFLICT (name) DO UPDATE
    SET next_at = greatest(rate_limit.next_at, clock_timestamp() - make_interval(secs => %(burst)s))
        + make_interval(secs => %(takes)s)
    WHERE rate_limit.next_at < clock_timestamp() + make_interval(secs => %(longest)s)
    RETURNING extract(epoch FROM next_at - clock_timestamp()) - %(takes)s
"""


def wait_for_slot(*, name: str, per_second: float, burst: int, calls: int) -> None:
    """Sleep until this caller may make its ``calls``.

    Raises ``ProviderThrottled`` when too many wait already.
    """
    amounts = {"takes": calls / per_second, "burst": burst / per_second, "longest": MAX_WAIT_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(TAKE_SLOT, {"name": name, **amounts})
        row = cursor.fetchone()
    if row is None:
        raise ProviderThrottled(f"{name}: more than {MAX_WAIT_SECONDS:g} seconds' worth of calls wait.")
    time.sleep(max(0.0, float(row[0])))
