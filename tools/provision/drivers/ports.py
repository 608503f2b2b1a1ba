"""Free ports of the loopback address."""

import socket
from collections.abc import Iterable

from tools.errors import Failed

_TRIES = 100


def free(preferred: int, taken: Iterable[int] = ()) -> int:
    """The preferred port of 127.0.0.1 or the next one that nobody listens on and that is not `taken`."""
    avoided = set(taken)
    for port in range(preferred, preferred + _TRIES):
        if port not in avoided and _is_free(port):
            return port
    raise Failed(f"No port from {preferred} to {preferred + _TRIES - 1} is free on 127.0.0.1.", "Free one and retry.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
