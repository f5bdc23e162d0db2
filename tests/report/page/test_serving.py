"""One page from loopback: for this computer, by its own name, to be read."""

import http.client
import re
import signal
import subprocess
import sys
from functools import partial

import pytest
from phantoms import PROGRAM

from versectl.report.page import serving


def ask(**environment):
    """Status, headers and content of an answer."""
    told = {}
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "127.0.0.1:1234"}
    content = serving.application("<p>ä</p>")(
        asked | environment, lambda status, headers: told.update(status=status, **dict(headers))
    )
    return told["status"], told, b"".join(content)


def test_the_page_is_answered():
    status, headers, content = ask()
    assert (status, content.decode()) == ("200 OK", "<p>ä</p>")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert ask(REQUEST_METHOD="HEAD")[2] == b""


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"HTTP_HOST": "evil.example:1234"}, "403"),
        ({"HTTP_HOST": ""}, "403"),
        ({"REQUEST_METHOD": "POST"}, "405"),
        ({"PATH_INFO": "/../etc/passwd"}, "404"),
    ],
)
def test_other_requests_are_refused(asked, status):
    assert ask(**asked)[0].startswith(status)


def test_view_serves_a_case_until_interrupted(run, ct_file, out):
    assert run("run-all", ct_file, out).exit_code == 0
    words = ("view", out / "lumbar_seg.nii.gz", "--ct", ct_file, "--no-browser")
    command = [sys.executable, PROGRAM, *map(str, words)]
    # A shell has what it starts in the background ignore it.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, text=True, preexec_fn=heed) as running:
        assert running.stdout is not None
        port = int(re.search(r"127\.0\.0\.1:(\d+)", running.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        assert "<title>lumbar: report</title>" in connection.getresponse().read().decode()
        connection.close()
        running.send_signal(signal.SIGINT)
        try:
            assert running.wait(20) == 0
        finally:
            running.kill()
