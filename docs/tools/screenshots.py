"""Takes the pictures of docs/report.md in headless Chromium.

python docs/tools/screenshots.py INDEX PAGE   opens two pages that `versectl report` wrote, such as
held-out/report.html and results/report/sub-verse007.html; writes
docs/pictures/report-{index,measures,case}.png.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

PICTURES = Path(__file__).parents[1] / "pictures"

#: WebGL by software, so that pictures are the same on every machine.
SOFTWARE = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")

SIZE = {"width": 1280, "height": 860}


def main(index: Path, case: Path) -> None:
    """All three pictures."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(SOFTWARE)
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto(index.resolve().as_uri())
        picture(page, "report-index")
        picture(page.locator("section", has=page.locator("#measures")), "report-measures")
        page.goto(case.resolve().as_uri())
        page.locator("#viewer[data-state=ready]").wait_for(timeout=120_000)
        picture(page, "report-case")
        browser.close()


def picture(seen: Page | Locator, name: str) -> None:
    """A picture of what is seen of a page, or of a part of it."""
    path = PICTURES / f"{name}.png"
    seen.screenshot(path=path)
    with Image.open(path) as shown:
        shown.convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
