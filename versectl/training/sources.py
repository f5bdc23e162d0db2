"""Where subjects for training come from: functions that worker processes can be handed."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from versectl.config import Ranges, StageConfig
from versectl.io import layout
from versectl.synth.subject import Subject
from versectl.training import real_scans

#: chosen: how many samples come from bodies of a kind, beside the others.
SHARES = {"labels": 1, "posed": 2, "parametric": 1}

#: chosen: few scans have a wrong header, but one should not be enough to find nothing in it.
WRONG_SLICE_SPACING = 0.12

#: chosen: what a vertebra is called must not hang on how far its owner stoops.
LEAN_DEG = 20.0


@dataclass(frozen=True)
class Synthetic:
    """Bodies of a bank, drawn anew for every sample.

    named : the samples are to teach names; bodies without ribs and sacrum, by which a reader tells
        T12 from L1 and L5, are left out.
    """

    files: tuple[Path, ...]
    named: bool = False

    def __call__(self) -> list[Subject]:
        """The subjects."""
        from versectl.synth.bodies import bank
        from versectl.synth.drawing import ct

        ranges = Ranges(lean_deg=LEAN_DEG, wrong_slice_spacing=WRONG_SLICE_SPACING)
        bodies = {file: bank.load(file) for file in self.files}
        chosen = [f for f, body in bodies.items() if body.has_other_bones or not self.named]
        number = Counter(map(bank.kind, chosen))
        return [
            ct.subject(bodies[f], ranges, SHARES[bank.kind(f)] / number[bank.kind(f)])
            for f in chosen
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
        found = layout.with_labels(self.folder)
        chosen = [case for case in found if not self.names or case.name in self.names]
        return [real_scans.subject(case, self.config, self.prepared) for case in chosen]
