"""Run the sandbox on loopback: `python -m integrations.sandbox --port 8420 --data .data/sandbox.sqlite3`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from integrations.sandbox.app import create_app
from integrations.sandbox.config import BadSetting, LiveKeyRefused, from_environment
from integrations.sandbox.faults import InvalidFault
from integrations.sandbox.server import HOST, PortTaken, bind

LOOPBACK_NAMES = {"127.0.0.1", "localhost"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if options.host not in LOOPBACK_NAMES:
        return _refuse(f"The sandbox binds {HOST} only, not {options.host}.")
    try:
        sandbox = create_app(from_environment(os.environ, data=options.data))
        server = bind(sandbox, port=options.port)
    except (LiveKeyRefused, BadSetting, InvalidFault, PortTaken) as error:
        return _refuse(str(error))

    def stop(*_: object) -> None:
        # shutdown() waits for the serving loop, which runs in this thread.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stdout.write(f"Sandbox for Stripe, Brevo and Dixa on http://{HOST}:{server.server_address[1]}/\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    sandbox.close()
    server.server_close()
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="integrations.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT") or 8420))
    parser.add_argument("--host", default=HOST, help="loopback only")
    parser.add_argument(
        "--data",
        default=os.environ.get("SANDBOX_DATA") or ".data/sandbox.sqlite3",
        help="SQLite file, or :memory:",
    )
    return parser.parse_args(arguments)


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
