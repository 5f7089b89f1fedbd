from __future__ import annotations

import socket

import pytest

from config.development import ports
from tests.support.processes import free_port


def test_free_ports_are_fine() -> None:
    ports.check_free([("WEB_PORT", "127.0.0.1", free_port())])


def test_a_taken_port_is_told_by_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ports.PortTaken, match=rf"Port {port} .* set SANDBOX_PORT"):
            ports.check_free([("WEB_PORT", "127.0.0.1", free_port()), ("SANDBOX_PORT", "127.0.0.1", port)])


def test_two_variables_may_not_name_one_port() -> None:
    port = free_port()
    with pytest.raises(ports.PortTaken, match="SANDBOX_PORT and WEB_PORT are both"):
        ports.check_free([("WEB_PORT", "127.0.0.1", port), ("SANDBOX_PORT", "127.0.0.1", port)])


def test_a_host_that_is_not_ours_is_told() -> None:
    with pytest.raises(ports.PortTaken, match=r"192\.0\.2\.1"):
        ports.check_free([("WEB_PORT", "192.0.2.1", free_port())])
