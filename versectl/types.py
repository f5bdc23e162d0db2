"""What the stages find, and what they find it with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from versectl.config import Stage, StageConfig

if TYPE_CHECKING:
    import SimpleITK as sitk  # heavy, and not all that knows a type needs it

#: How much a flag matters: "note" is worth knowing, "warning" asks for a look at the result,
#: "error" means that the result is likely wrong.
Severity = Literal["note", "warning", "error"]


@dataclass(frozen=True)
class Flag:
    """Something a reader of the results should know.

    code : of the kind, the same in every version; words joined by underscores.
    vertebra : name of the one meant ("L1"), None where the whole scan is.
    message : one sentence. advice : what to do, one sentence; empty where there is nothing.
    """

    code: str
    severity: Severity
    vertebra: str | None
    message: str
    advice: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the result is likely wrong."""
        return self.severity == "error"


#: Any function from (z, y, x, inputs) to (z, y, x, outputs), float32 both.
Answer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Engine:
    """What computes networks.

    name : "tensorflow", "openvino", "jax" or "torch". version : of that library.
    device : the GPU's name, or the CPU with its cores. precision : number format.
    """

    name: str
    version: str
    device: str
    precision: str


@dataclass(frozen=True)
class Model:
    """What a stage needs to predict.

    answer : the network.
    sha256 : of the weights, for the record; empty when there are none.
    engine : what computes the network; None when it is any function.
    at_once : how many threads may ask it at the same time, and should where images do not depend on
        each other.
    """

    config: StageConfig
    answer: Answer
    sha256: str = ""
    engine: Engine | None = None
    at_once: int = 1


@dataclass(frozen=True)
class Identity:
    """What a model is known by: the SHA-256 of its weights and of its configuration."""

    weights_sha256: str
    config_sha256: str


@runtime_checkable
class Models(Protocol):
    """A model per stage; each may be loaded when it is first used."""

    def model(self, stage: Stage) -> Model:
        """What finds the spine, finds and labels the vertebrae, or finds the voxels of each."""


@dataclass(frozen=True, eq=False)
class Spine:
    """Centre of the visible spine in the world (3,), and the strongest response in 0..1.

    center_mm : NaN where no spine is in view.
    heatmap : the network's answer; None when the centre comes from a file.
    """

    center_mm: np.ndarray
    peak: float
    heatmap: "sitk.Image | None" = None

    @property
    def is_in_view(self) -> bool:
        """Whether the scan shows a spine."""
        return bool(np.isfinite(self.center_mm).all())


@dataclass(frozen=True, eq=False)
class Vertebra:
    """A vertebra found.

    center_mm : centre of its body in the world (3,).
    peak : response of its heatmap there, 0..1.
    confidence : calibrated probability that its label is right, 0..1. Both are NaN where they are
        not known.
    """

    center_mm: np.ndarray
    peak: float = float("nan")
    confidence: float = float("nan")


#: What tells levels apart from outside: the dens of C2, the first rib (T1), the last rib (T12), and
#: the sacrum below L5.
Landmark = Literal["C2", "first_rib", "last_rib", "sacrum"]


@dataclass(frozen=True)
class OtherNumbering:
    """What else the levels of a scan may be.

    labels : of the vertebrae found, head to foot; None where it takes one for none.
    shift : how many levels lower all of them would be (-1: L1 would be T12); None where they
        do not all move alike.
    probability : of this numbering, 0..1.
    """

    labels: tuple[int | None, ...]
    shift: int | None
    probability: float


@dataclass(frozen=True)
class Numbering:
    """The levels of a whole scan.

    probability : that none of its vertebrae has another label, 0..1.
    second : the next numbering, where it is worth a look.
    evidence : landmarks that are in view if the labels are right; they follow from these.
    first_rib_beside : the vertebra beside which the first rib begins in the CT, T1 if the labels
        are right; None where it was not looked for or is not in view.
    """

    probability: float
    second: OtherNumbering | None
    evidence: tuple[Landmark, ...]
    first_rib_beside: int | None = None


@dataclass(frozen=True, eq=False)
class Vertebrae(Mapping[int, Vertebra]):
    """Label -> vertebra, from head to foot; empty where the scan shows none.

    numbering : of them all; None where it is not known, as for centres from a file.
    """

    found: Mapping[int, Vertebra]
    numbering: Numbering | None = None

    @property
    def centers_mm(self) -> dict[int, np.ndarray]:
        """Label -> centre in the world (3,)."""
        return {label: vertebra.center_mm for label, vertebra in self.found.items()}

    def __getitem__(self, label: int) -> Vertebra:
        return self.found[label]

    def __iter__(self) -> Iterator[int]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


@dataclass(frozen=True)
class Result:
    """What is known of a CT in the end; the label map lies on the CT's grid, uint8."""

    spine: Spine
    vertebrae: Vertebrae
    label_map: "sitk.Image"


@dataclass(frozen=True)
class Known:
    """Results of some stages; None where there is none yet."""

    spine: Spine | None = None
    vertebrae: Vertebrae | None = None
    label_map: "sitk.Image | None" = None

    @property
    def stages(self) -> frozenset[Stage]:
        """Stages whose result is known."""
        found: dict[Stage, object] = {
            "spine": self.spine,
            "vertebrae": self.vertebrae,
            "segmentation": self.label_map,
        }
        return frozenset(stage for stage, result in found.items() if result is not None)

    @property
    def result(self) -> Result | None:
        """All results; None when one is missing."""
        if self.spine is None or self.vertebrae is None or self.label_map is None:
            return None
        return Result(self.spine, self.vertebrae, self.label_map)
