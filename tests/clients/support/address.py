"""Addresses of this machine that nobody else is given."""

import socket


class Reserved:
    """A port that stays its owner's whether or not somebody listens on it.

    A port of a server that is down would otherwise be free for the taking: whatever else runs at the time may be
    given it, and the server could not come back. As long as this socket is bound to the port, and is told to share it,
    only those who ask for it by its number get it; and as it does not listen, whoever connects meanwhile is refused.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def release(self) -> None:
        self._socket.close()
