"""An SQS on loopback, for development and tests: moto's HTTP interface over the queue of this package.

    python -m integrations.sandbox.sqs_api --port 9324 [--data .data/sqs.json]
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from integrations.sandbox.sqs_api.queues import patch_moto
from integrations.sandbox.sqs_api.saved_state import restore, save_and_stop

HOST = "127.0.0.1"
PORT_VARIABLE = "SQS_EMULATOR_PORT"


class Handler(MotoRequestHandler):
    disable_nagle_algorithm = True  # otherwise each response waits 40 ms for the client's TCP acknowledgment

    def log(self, *_: Any) -> None:
        """Write no access log."""


def _listening_socket(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as exc:
        sys.exit(f"SQS emulator: port {port} cannot be used ({exc.strerror}); set {PORT_VARIABLE} to another")
    listener.listen(256)
    return listener


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="sqs_api", description="SQS on loopback, for development and tests.")
    parser.add_argument("--port", type=int, default=9324, help=f"0 chooses a free port; see {PORT_VARIABLE}")
    parser.add_argument("--data", type=Path, help="save queues and messages in this file when the emulator stops")
    options = parser.parse_args(arguments)
    listener = _listening_socket(options.port)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    patch_moto()
    if options.data:
        restore(options.data)
    server = make_server(
        HOST, 0, create_backend_app("sqs"), threaded=True, request_handler=Handler, fd=listener.fileno()
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    sys.stdout.write(f"SQS emulator on http://{HOST}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            server.serve_forever()
        finally:
            if options.data:
                save_and_stop(options.data)
            os._exit(0)  # do not wait for open long polls; they hold no message


if __name__ == "__main__":
    main()
