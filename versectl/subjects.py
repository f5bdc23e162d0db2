"""Where subjects for training come from: functions that worker processes can be handed."""

from dataclasses import dataclass
from pathlib import Path

from versectl import cases, recording
from versectl.config import Ranges, StageConfig
from versectl.scan import Subject


@dataclass(frozen=True)
class Synthetic:
    """Bodies of a bank, drawn anew for every sample.

    share : how much of all samples comes from label maps, where there are such bodies; the rest
        comes from parametric ones.
    """

    files: tuple[Path, ...]
    share: float = 0.5

    def __call__(self) -> list[Subject]:
        """The subjects."""
        from versectl.synth import bank, ct

        mapped = [bank.is_label_map(file) for file in self.files]
        part = {
            True: self.share / max(sum(mapped), 1),
            False: (1 - self.share) / max(mapped.count(False), 1),
        }
        return [
            ct.subject(bank.load(file), Ranges(), part[is_map])
            for file, is_map in zip(self.files, mapped, strict=True)
        ]


@dataclass(frozen=True)
class Recorded:
    """The cases with CT, label map and centroids in a folder in VerSe layout.

    names : of the cases to take; all if there are none.
    """

    folder: Path
    config: StageConfig
    names: frozenset[str] = frozenset()

    def __call__(self) -> list[Subject]:
        """The subjects."""
        found = cases.with_labels(self.folder)
        chosen = [case for case in found if not self.names or case.name in self.names]
        return [recording.subject(case, self.config) for case in chosen]
