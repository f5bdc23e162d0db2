"""Where subjects for training come from: functions that worker processes can be handed."""

from dataclasses import dataclass
from pathlib import Path

from versectl import cases, recording
from versectl.config import Ranges, StageConfig
from versectl.scan import Subject

#: chosen: how many samples come from bodies of a kind, beside the others.
SHARES = {"labels": 2, "posed": 2, "parametric": 1}

#: chosen: few scans have a wrong header, but one should not be enough to find nothing in it.
SQUEEZED = 0.08


@dataclass(frozen=True)
class Synthetic:
    """Bodies of a bank, drawn anew for every sample."""

    files: tuple[Path, ...]

    def __call__(self) -> list[Subject]:
        """The subjects."""
        from versectl.synth import bank, ct

        ranges = Ranges(squeezed=SQUEEZED)
        kinds = [bank.kind(file) for file in self.files]
        return [
            ct.subject(bank.load(file), ranges, SHARES[kind] / kinds.count(kind))
            for file, kind in zip(self.files, kinds, strict=True)
        ]


@dataclass(frozen=True)
class Recorded:
    """The cases with CT, label map and centroids in a folder in VerSe layout.

    prepared : folder for what is made once of each case.
    names : of the cases to take; all if there are none.
    """

    folder: Path
    config: StageConfig
    prepared: Path
    names: frozenset[str] = frozenset()

    def __call__(self) -> list[Subject]:
        """The subjects."""
        found = cases.with_labels(self.folder)
        chosen = [case for case in found if not self.names or case.name in self.names]
        return [recording.subject(case, self.config, self.prepared) for case in chosen]
