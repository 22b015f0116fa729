"""A little file server with ranges, and the faults that real ones have."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """Serves ``files`` by path; the faults are used up in the order of the requests.

    Args:
        files: content by path.
        drops: how many bytes of its answer each next request gets before the line goes dead.
        codes: HTTP status with which each next request is answered instead.
        ranges: whether ``Range`` is understood.
        lengths: whether answers carry ``Content-Length``.
        requests: path and first byte asked for, as they came.
    """

    files: Mapping[str, bytes]
    drops: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    ranges: bool = True
    lengths: bool = True
    requests: list[tuple[str, int]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """The server on a port of this machine, for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "bytes=0-")
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            server.requests.append((self.path, start))
            content = server.files.get(self.path)
            if server.codes:
                self.send_error(server.codes.pop(0))
            elif content is None:
                self.send_error(404)
            elif server.ranges and start > 0 and start >= len(content):
                self.send_error(416)
            else:
                self._send(content, start if server.ranges else 0)

        def _send(self, content: bytes, start: int) -> None:
            self.send_response(206 if start else 200)
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            if server.lengths:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            self.wfile.write(body[: server.drops.pop(0)] if server.drops else body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
