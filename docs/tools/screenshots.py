"""Takes the pictures of docs/report.md in headless Chromium.

python docs/tools/screenshots.py OUT CASE   opens OUT/report.html and the page of CASE, as
`versectl report OUT --ct IN` wrote them; writes docs/pictures/report-{index,case}.png.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

PICTURES = Path(__file__).parents[1] / "pictures"

#: WebGL by software, so that pictures are the same on every machine.
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")

SIZE = {"width": 1280, "height": 860}


def main(out: Path, case: str) -> None:
    """Both pictures."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(SOFTWARE)
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto((out / "report.html").resolve().as_uri())
        picture(page, "report-index", full=True)
        page.goto((out / "report" / f"{case}.html").resolve().as_uri())
        page.locator("#viewer[data-state=ready]").wait_for(timeout=120_000)
        picture(page, "report-case")
        browser.close()


def picture(page: Page, name: str, full: bool = False) -> None:
    """A picture of what is seen, or of the whole page, with few colours: a fifth of the size."""
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, full_page=full)
    with Image.open(path) as shown:
        shown.convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
