"""Where subjects for training come from: functions that worker processes can be handed."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from versectl import cases, recording
from versectl.augment import Ranges
from versectl.scan import Subject

#: chosen: few scans have a wrong header, but one should not be enough to find nothing in it.
SQUEEZED = 0.08


@dataclass(frozen=True)
class Synthetic:
    """Bodies of a bank, drawn anew for every sample; each kind gives as many samples."""

    files: tuple[Path, ...]

    def __call__(self) -> list[Subject]:
        """The subjects."""
        from versectl.synth import bank, ct

        ranges = Ranges(squeezed=SQUEEZED)
        number = Counter(bank.kind(file) for file in self.files)
        return [
            ct.subject(bank.load(file), ranges, 1 / number[bank.kind(file)]) for file in self.files
        ]


@dataclass(frozen=True)
class Recorded:
    """The cases with CT, label map and centroids in a folder in VerSe layout."""

    folder: Path

    def __call__(self) -> list[Subject]:
        """The subjects."""
        found = cases.with_labels(self.folder)
        return [recording.subject(case, Ranges()) for case in found]
