"""The launcher reports ports that it cannot use before it starts anything."""

from __future__ import annotations

import socket

import pytest

from config.development import ports
from tests.support.processes import free_port


def test_free_ports_are_accepted() -> None:
    ports.check_free([("WEB_PORT", "127.0.0.1", free_port())])


def test_a_used_port_is_reported_with_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ports.PortTaken, match=rf"Port {port} .* set SANDBOX_PORT"):
            ports.check_free([("WEB_PORT", "127.0.0.1", free_port()), ("SANDBOX_PORT", "127.0.0.1", port)])


def test_two_variables_with_the_same_port_are_rejected() -> None:
    port = free_port()
    with pytest.raises(ports.PortTaken, match="SANDBOX_PORT and WEB_PORT are both"):
        ports.check_free([("WEB_PORT", "127.0.0.1", port), ("SANDBOX_PORT", "127.0.0.1", port)])


def test_a_host_of_another_machine_is_reported() -> None:
    with pytest.raises(ports.PortTaken, match=r"192\.0\.2\.1"):
        ports.check_free([("WEB_PORT", "192.0.2.1", free_port())])
