"""A line that is cut: a small TCP proxy that hangs up when so many bytes have come from the server."""

import contextlib
import socket
import threading


class Proxy:
    """Forwards to `port` from a port of its own. Connection n is cut after `cuts[n]` bytes of the server's; later ones are not."""

    def __init__(self, port, cuts=()):
        self._to, self._cuts = port, list(cuts)
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
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            cut = self._cuts[self.connections] if self.connections < len(self._cuts) else None
            self.connections += 1
            self._lines += [client, server]
            threading.Thread(target=_forward, args=(client, server, None), daemon=True).start()
            threading.Thread(target=_forward, args=(server, client, cut), daemon=True).start()


def _forward(source, target, cut):
    passed = 0
    try:
        while data := source.recv(1 << 16):
            if cut is not None and passed + len(data) > cut:
                target.sendall(data[: cut - passed])
                break
            target.sendall(data)
            passed += len(data)
    except OSError:
        pass
    _hang_up(source)
    _hang_up(target)


def _hang_up(line):
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
