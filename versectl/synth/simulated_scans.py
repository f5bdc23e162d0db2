"""Source of simulated scans: the bodies of a bank, each drawn anew for every sample."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from versectl.config import Ranges
from versectl.synth.bodies import bank
from versectl.synth.drawing import ct
from versectl.synth.subject import Subject

#: chosen: share of the samples that come from bodies of each kind, relative to the others.
SHARES = {"labels": 1, "posed": 2, "parametric": 1}

#: chosen: few scans have a wrong header, but one should not be enough to find nothing in it.
WRONG_SLICE_SPACING = 0.12

#: chosen: the label of a vertebra must not depend on how far a person stoops.
LEAN_DEG = 20.0


@dataclass(frozen=True)
class SimulatedScans:
    """The subjects of a bank; can be handed to another process.

    files : of the bank's bodies.
    for_labels : the samples teach labels, so bodies without ribs and sacrum, which tell T12 from
        L1 and L5, are left out.
    """

    files: tuple[Path, ...]
    for_labels: bool = False

    def __call__(self) -> list[Subject]:
        """The subjects, their weights by the kind of their bodies."""
        ranges = Ranges(lean_deg=LEAN_DEG, wrong_slice_spacing=WRONG_SLICE_SPACING)
        bodies = {file: bank.load(file) for file in self.files}
        taken = [f for f, body in bodies.items() if body.has_other_bones or not self.for_labels]
        number = Counter(map(bank.kind, taken))
        return [
            ct.subject(bodies[f], ranges, SHARES[bank.kind(f)] / number[bank.kind(f)])
            for f in taken
        ]
