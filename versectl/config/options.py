"""What a user asks of a training or a cross-validation; the command line loads it at once."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingOptions:
    """What a user chooses for a training.

    out : folder for weights, checkpoint, log and bodies.
    data : folder in VerSe layout; None for synthetic CT.
    labels, bodies : where synthetic CT comes from: a folder of label maps, and so many
        parametric bodies and as many with casts of the label maps' vertebrae, kept in `out`.
    steps, batch, rate : in place of the preset's; `rate` is the learning rate.
    start : folder of weights to begin with; None for random ones.
    """

    out: Path
    data: Path | None
    labels: Path | None
    bodies: int
    preset: str
    steps: int | None
    batch: int | None
    workers: int
    seed: int
    resume: bool
    rate: float | None = None
    start: Path | None = None


@dataclass(frozen=True)
class CrossValidationOptions:
    """What a user chooses for a cross-validation.

    data : folder with CT, masks and centroids in a VerSe layout.
    folds : JSON file, a list of lists of case names; each fold is tested once.
    fold : the only one to do, counted from 0; None for all.
    steps : in place of the preset's.
    """

    data: Path
    folds: Path
    out: Path
    fold: int | None
    preset: str
    steps: int | None
    workers: int
    seed: int

    @property
    def truth(self) -> Path:
        """Masks, body centres and spines' centres of the cases tested so far."""
        return self.out / "truth"

    @property
    def from_truth(self) -> Path:
        """Results of each stage given the truth of the stage before."""
        return self.out / "from_truth"

    @property
    def end_to_end(self) -> Path:
        """Results of all stages one after the other."""
        return self.out / "end_to_end"
