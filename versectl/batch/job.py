"""What is asked of every case of a batch: a command, its models, and where results go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import SimpleITK as sitk

from versectl.config import STAGES
from versectl.errors import BadInputError
from versectl.io.export.formats import NO_EXPORTS, Exports
from versectl.stages import pipeline
from versectl.types import Identity, Known, Models, Stage

#: From the CT, the models and what is known already to what is known then.
Compute = Callable[[sitk.Image, Models, Known], Known]


class IdentifiedModels(Models, Protocol):
    """Models whose weights are known without loading them; plain, to be handed to a process."""

    @property
    def fast(self) -> bool:
        """Whether masks come from less context."""

    @property
    def precision(self) -> str:
        """The type that the networks are asked to compute in, or "auto"."""

    @property
    def on_gpu(self) -> bool:
        """Whether networks will run on a GPU, as far as is known without their engine."""

    def identity(self, stage: Stage) -> Identity:
        """What the stage's model is known by."""

    def load_ahead(self, stages: Sequence[Stage]) -> None:
        """Begin to load what these stages will use."""


@dataclass(frozen=True)
class Command:
    """What a command does with a case.

    makes : stages whose results it makes. needs : the stage whose result must be there already.
    reports : whether it writes <case>_report.json; such a case is done only as the report says.
    """

    makes: tuple[Stage, ...]
    compute: Compute
    needs: Stage | None = None
    reports: bool = False


@dataclass(frozen=True)
class Job:
    """What is asked of every case of a batch; plain, so that another process can be handed it.

    given : case name -> the file of the stage before; None where it is in `out`.
    extras : of "heatmap" and "preview", what to write as well. exports : other formats to write.
    memory_gb : the most that a case may take.
    strict : a flag of severity "error" becomes the error of its case, whose results are written.
    """

    out: Path
    command: Command
    models: IdentifiedModels
    overwrite: bool = False
    given: Mapping[str, Path] | None = None
    extras: frozenset[str] = frozenset()
    exports: Exports = NO_EXPORTS
    strict: bool = False
    memory_gb: float | None = None

    @property
    def keeps_vertebrae(self) -> bool:
        """Whether centroids that are there stay: unless they are made anew, or others are given."""
        made_anew = self.overwrite and "vertebrae" in self.command.makes
        return not made_anew and not (self.given is not None and self.command.needs == "vertebrae")

    def absolute(self) -> "Job":
        """The same with absolute paths, for processes that were started in other folders."""
        given = None
        if self.given is not None:
            given = {name: path.absolute() for name, path in self.given.items()}
        return replace(self, out=self.out.absolute(), given=given)


def _localize_spine(ct: sitk.Image, models: Models, known: Known) -> Known:
    return replace(known, spine=pipeline.find_spine(ct, models))


def _localize_vertebrae(ct: sitk.Image, models: Models, known: Known) -> Known:
    if known.spine is None:
        raise BadInputError("the spine is not known; run localize-spine first.")
    found = pipeline.find_vertebrae(ct, known.spine, models)
    return replace(known, vertebrae=found)


def _segment(ct: sitk.Image, models: Models, known: Known) -> Known:
    if known.vertebrae is None:
        raise BadInputError("the vertebrae are not known; run localize-vertebrae first.")
    label_map = pipeline.segment(ct, known.vertebrae, models)
    return replace(known, label_map=label_map)


def _run_all(ct: sitk.Image, models: Models, known: Known) -> Known:
    result = pipeline.run(ct, models, known)
    return Known(result.spine, result.vertebrae, result.label_map)


def _nothing(_ct: sitk.Image, _models: Models, known: Known) -> Known:
    return known


LOCALIZE_SPINE = Command(("spine",), _localize_spine)
LOCALIZE_VERTEBRAE = Command(("vertebrae",), _localize_vertebrae, needs="spine")
SEGMENT = Command(("segmentation",), _segment, needs="vertebrae")
RUN_ALL = Command(STAGES, _run_all, reports=True)
#: Computes nothing: writes what is made of results that are there, pictures and other formats.
DERIVE = Command((), _nothing)
