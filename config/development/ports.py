"""Checks that the ports are free before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Iterable


class PortTaken(Exception):
    """The shop cannot listen on a port. The message names its variable."""


def check_free(ports: Iterable[tuple[str, str, int]]) -> None:
    """Raise ``PortTaken`` for the first (variable, host, port) that is in use or appears twice."""
    seen: dict[int, str] = {}
    for variable, host, port in ports:
        if port in seen:
            raise PortTaken(f"{variable} and {seen[port]} are both {port}; set one of them to another port.")
        seen[port] = variable
        try:
            _try_to_listen(host, port)
        except OSError as error:
            raise PortTaken(
                f"Port {port} of {host} cannot be used ({error.strerror}): set {variable} to a free port."
            ) from None


def _try_to_listen(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # The servers set the same option: a port is usable right after its last user closed it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen()
