"""Keep all workers together below a provider's rate limit, which counts per account and not per process.

Each limit is a leaky bucket in one row. A caller reserves the next free slot and sleeps until then. If the provider
still answers 429, the worker obeys that as well.
"""

from __future__ import annotations

import time

from django.db import connection

from integrations.errors import ProviderThrottled

# If a worker had to wait longer, the message goes back to its queue.
MAX_WAIT_SECONDS = 4.0

# Reserves the next free slot. Returns no row if too many callers wait already. After a quiet time a few calls (the
# burst) may start at once.
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

    Raises ``ProviderThrottled`` if too many callers wait already.
    """
    amounts = {"takes": calls / per_second, "burst": burst / per_second, "longest": MAX_WAIT_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(TAKE_SLOT, {"name": name, **amounts})
        row = cursor.fetchone()
    if row is None:
        raise ProviderThrottled(f"{name}: more than {MAX_WAIT_SECONDS:g} seconds' worth of calls wait.")
    time.sleep(max(0.0, float(row[0])))
