"""A line that is cut: a small TCP proxy that hangs up when so many bytes have come from the server."""

import contextlib
import socket
import threading


class Proxy:
    """Forwards to `port` from a port of its own. Connection n is cut after `cuts[n]` bytes of the server's; later ones are not.

    `passed` counts the server's bytes of all connections; `on_cut` is called before a line is hung up.
    """

    def __init__(self, port, cuts=(), on_cut=lambda: None):
        self._to, self._cuts, self._on_cut = port, list(cuts), on_cut
        self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self._lines = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()
        for line in self._lines:
            _hang_up(line)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # nobody serves there just now
                client.close()
                continue
            cut = self._cuts[self.connections] if self.connections < len(self._cuts) else None
            self.connections += 1
            self._lines += [client, server]
            threading.Thread(target=_ask, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client, cut), daemon=True).start()

    def _answer(self, server, client, cut):
        passed = _forward(server, client, cut)
        self.passed += passed
        if passed == cut:
            self._on_cut()
        _hang_up(server)
        _hang_up(client)


def _ask(client, server):
    _forward(client, server)
    _hang_up(client)
    _hang_up(server)


def _forward(source, target, most=None):
    """Passes on what comes, `most` bytes at most -> how many they were."""
    passed = 0
    try:
        while (most is None or passed < most) and (data := source.recv(1 << 16)):
            data = data if most is None else data[: most - passed]
            target.sendall(data)
            passed += len(data)
    except OSError:
        pass
    return passed


def _hang_up(line):
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
