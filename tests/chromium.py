"""Debian's Chromium without a window, for the tests of pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

#: WebGL by software: what a machine without a graphics card has.
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Seen:
    """What happened in a page. requests : of anything but the page's own content."""

    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def browser() -> Iterator[Any]:
    """A browser; the test skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if PROGRAM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=PROGRAM, args=list(SOFTWARE))
        yield running
        running.close()


def watched(context: Any) -> tuple[Any, Seen]:
    """A new page, and what happens in it."""
    page, seen = context.new_page(), Seen()
    page.on("console", lambda message: seen.messages.append(message.text))
    page.on("pageerror", lambda error: seen.messages.append(str(error)))
    page.on("request", lambda request: note(request.url, seen))
    return page, seen


def note(address: str, seen: Seen) -> None:
    if not address.startswith(("data:", "blob:", "file:")):
        seen.requests.append(address)
