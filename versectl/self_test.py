"""Whether an installation works: a small synthetic CT of known content goes through all stages."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from versectl import geometry, labels
from versectl.config import Ranges
from versectl.errors import VersectlError
from versectl.geometry import Grid
from versectl.stages import pipeline
from versectl.synth.bodies import anatomy, posture
from versectl.synth.drawing import ct
from versectl.synth.subject import Scan
from versectl.types import Models

#: chosen: a body that is quick to build, drawn coarsely.
SEED, BODY_MM = 7, 3.0

#: chosen: the lowest vertebrae and the sacrum below them, which leaves no doubt about the labels.
SIZE_VOX, SPACING_MM, BEHIND_MM, BELOW_MM = (90, 100, 85), 2.0, 20.0, 40.0

#: chosen: far below what working networks reach on it, far above what broken ones do.
LEAST_DICE = 0.7


@dataclass(frozen=True)
class SelfTest:
    """What became of the test: the labels drawn and found, Dice of the drawn ones, seconds."""

    drawn: tuple[str, ...]
    found: tuple[str, ...]
    dice: float
    seconds: float

    def check(self) -> None:
        """VersectlError when the networks did not find what was drawn."""
        missing = [name for name in self.drawn if name not in self.found]
        if missing or self.dice < LEAST_DICE:
            raise VersectlError(
                f"the self-test failed: {', '.join(self.drawn)} were drawn, "
                f"{', '.join(self.found) or 'nothing'} found, Dice {self.dice:.2f}; "
                "try --device cpu --precision float32, and check the weights."
            )


def run(models: Models) -> SelfTest:
    """Draw the scan and process it; the time counts all of it, loading included."""
    start = perf_counter()
    drawn = scan()
    found = pipeline.run(drawn.ct, models)
    truth, answer = geometry.to_array(drawn.labels), geometry.to_array(found.label_map)
    return SelfTest(
        drawn=tuple(labels.NAMES[label] for label in drawn.centroids_mm),
        found=tuple(labels.NAMES[label] for label in found.vertebrae),
        dice=float(np.mean([dice(truth == one, answer == one) for one in drawn.centroids_mm])),
        seconds=perf_counter() - start,
    )


def scan() -> Scan:
    """The scan: always the same."""
    rng = np.random.default_rng(SEED)
    body = anatomy.build(posture.sample(rng), rng, BODY_MM)
    still = Ranges(angle_deg=0.0, scale=0.0, bump_mm=0.0)
    subject = ct.subject(body, still)
    lowest_mm = min(subject.centroids_mm.values(), key=lambda point_mm: point_mm[2])
    height_mm = SIZE_VOX[2] * SPACING_MM
    x, y, z = lowest_mm
    middle_mm = (x, y + BEHIND_MM, z + height_mm / 2 - BELOW_MM)
    return subject.scan(Grid.centered(middle_mm, SIZE_VOX, (SPACING_MM,) * 3), rng)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Overlap of two masks, 0..1."""
    return 2.0 * float(np.sum(one & other)) / max(float(np.sum(one) + np.sum(other)), 1.0)
