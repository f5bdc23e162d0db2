"""The pictures within pages: a case's preview, and small ones for the index."""

import base64
import io
from pathlib import Path

from PIL import Image

#: chosen: rows of the index stay low; about 2 kB a case, so that 1000 cases load at once.
THUMBNAIL_PX = (150, 84)

#: chosen: no artefact is seen, at a fifth of the PNG's size.
QUALITY = 82


def whole(path: Path) -> str:
    """A picture as address within a page."""
    with Image.open(path) as picture:
        return _address(picture.convert("RGB"), QUALITY)


def thumbnail(path: Path) -> str:
    """A small copy of a picture as address within a page."""
    with Image.open(path) as picture:
        small = picture.convert("RGB")
    small.thumbnail(THUMBNAIL_PX)
    return _address(small, 60)


def _address(picture: Image.Image, quality: int) -> str:
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}"
