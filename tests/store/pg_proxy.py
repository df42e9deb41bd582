"""Between the ledger's code and PostgreSQL: a wire that can fall silent, or be cut before the answer to a COMMIT."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SLICE = 0.02


class Proxy:
    """Listens on TCP and passes everything on to a server's Unix socket. `silent`: takes all and passes on nothing.

    `tear_commits`: the server gets the next COMMIT and its answer is lost with the connection; counted in `torn`.
    """

    def __init__(self, server: Path) -> None:
        self.silent = False
        self.tear_commits = False
        self.torn = 0
        self._server = str(server)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = True
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, name: str) -> str:
        """Of one of the server's databases, by this way."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._listener.getsockname()[1]}/{name}"

    def close(self) -> None:
        """Cut all connections."""
        self._open = False
        for end in [self._listener, *self._ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._server)
            self._ends += [client, server]
            torn = threading.Event()
            for source, target, is_client in ((client, server, True), (server, client, False)):
                thread = threading.Thread(target=self._pass_on, args=(source, target, torn, is_client), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, target: socket.socket, torn: threading.Event, is_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                while self.silent and self._open:
                    time.sleep(_SLICE)
                if is_client and self.tear_commits and b"COMMIT" in data:
                    self.tear_commits = False
                    torn.set()
                elif not is_client and torn.is_set():
                    self.torn += 1
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(server: Path) -> Iterator[Proxy]:
    """One proxy, closed afterwards."""
    proxy = Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
