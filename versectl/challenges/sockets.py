"""Where grand-challenge.org puts a scan and looks for its results."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sockets:
    """The folders, and the slugs a challenge gave its sockets; no input slug takes any image."""

    input: Path
    output: Path
    ct: str | None
    segmentation: str
    centroids: str
    report: str

    @property
    def masks(self) -> Path:
        """The folder of the label map."""
        return self.output / "images" / self.segmentation

    def file(self, slug: str) -> Path:
        """The JSON file of an output socket."""
        return self.output / f"{slug}.json"
