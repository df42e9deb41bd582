"""Ports on which the tests' servers listen."""

import itertools
import os
import socket

# Linux takes the ports of outgoing connections from 32,768 on: a server that was started again found its own taken by one.
_FIRST, _EACH, _SHARES = 20_000, 1_250, 10
_share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES
_numbers = itertools.count(os.getpid())


def free_port() -> int:
    """One on 127.0.0.1 that nobody listens on, and that no other test process is given."""
    for number in itertools.islice(_numbers, _EACH):
        port = _FIRST + _share * _EACH + number % _EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("every port is taken")
