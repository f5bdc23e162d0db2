"""One page from loopback: nobody else can ask for it, and it asks for nothing."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

import waitress

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"


def serve(html: str, on_ready: Callable[[str], None]) -> None:
    """Serve a page at a free port until interrupted. on_ready : called with its address."""
    server = waitress.create_server(application(html), host=HOST, port=0, threads=2)
    try:
        on_ready(f"http://{HOST}:{server.effective_port}/")
        server.run()
    finally:
        server.close()


def application(html: str) -> "WSGIApplication":
    """A WSGI application that has one page.

    Requests for another host are refused: a page elsewhere may give its name this address.
    """
    content = html.encode("utf-8", "replace")

    def answer(environment: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        status = _status(environment)
        sent = content if status is HTTPStatus.OK else status.phrase.encode()
        kind = "text/html" if status is HTTPStatus.OK else "text/plain"
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(sent)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        start(f"{status.value} {status.phrase}", list(headers.items()))
        return [] if environment["REQUEST_METHOD"] == "HEAD" else [sent]

    return answer


def _status(environment: "WSGIEnvironment") -> HTTPStatus:
    name = environment.get("HTTP_HOST", "").rpartition(":")[0]
    if name not in (HOST, "localhost"):
        return HTTPStatus.FORBIDDEN
    if environment["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return HTTPStatus.METHOD_NOT_ALLOWED
    return HTTPStatus.OK if environment["PATH_INFO"] == "/" else HTTPStatus.NOT_FOUND
