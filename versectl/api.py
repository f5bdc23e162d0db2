"""The public API: read a CT, find, label and segment its vertebrae, save and evaluate the results.

>>> import versectl
>>> ct = versectl.read_ct("scan.nii.gz")                        # doctest: +SKIP
>>> result = versectl.run(ct, versectl.load_models())           # doctest: +SKIP
>>> result.vertebrae["L1"].center_mm, result.vertebrae["L1"].volume_ml  # doctest: +SKIP
>>> versectl.save(result, "results", name="scan")               # doctest: +SKIP

Points are in world millimetres, LPS: x to the patient's left, y to posterior, z to superior.
Every error that a user can mend is a versectl.VersectlError, whose message says what to do.
"""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl import types
from versectl.batch import selection, transaction
from versectl.batch.case_run import reuse
from versectl.batch.case_run.steps import Steps, WatchedModels
from versectl.batch.corrections import export_files
from versectl.config import STAGES, Stage
from versectl.errors import (
    BadInputError,
    BusyError,
    DeviceError,
    OutputError,
    VersectlError,
    WeightsError,
    explain,
    is_out_of_memory,
)
from versectl.io import atomic, case_files, memory, volume
from versectl.io.case_files import Paths
from versectl.io.memory import Image
from versectl.io.volume import CT
from versectl.networks.engines import choice
from versectl.networks.loading import Models
from versectl.networks.weights import describe
from versectl.report import case_report, measurements, provenance, quality
from versectl.report.measurements import Curvature, Measures
from versectl.report.provenance import VERSECTL, Origin, Origins
from versectl.stages import pipeline
from versectl.text import count, counted
from versectl.types import Engine, Flag, Known, Numbering, OtherNumbering, Spine, Vertebrae

if TYPE_CHECKING:
    from versectl.evaluation import Options, Report

__all__ = [
    "CT",
    "BadInputError",
    "BusyError",
    "Curvature",
    "DeviceError",
    "Engine",
    "Flag",
    "Measures",
    "Models",
    "Numbering",
    "OtherNumbering",
    "OutputError",
    "Result",
    "Spine",
    "VersectlError",
    "Vertebra",
    "WeightsError",
    "evaluate",
    "load_models",
    "read_ct",
    "run",
    "save",
]


#: What a path may be.
PATH = (str, os.PathLike)


@dataclass(frozen=True, eq=False)
class Vertebra:
    """A vertebra found.

    label : VerSe's number, 1..25 and 28. name : "C1" to "L6", and "T13".
    center_mm : centre of the vertebral body in the world, (3,).
    peak : response of the network's heatmap there, 0..1.
    confidence : probability that its level is right, 0..1. Both are NaN where they are not known.
    at_border : its mask touches the border of the scan: more of it may lie outside.
    measures : volume, size, attenuation and angles; NaN, and why, where not measured.
    """

    label: int
    name: str
    center_mm: NDArray[np.float64]
    peak: float
    confidence: float
    at_border: bool
    measures: Measures

    @property
    def volume_ml(self) -> float:
        """Of its mask; NaN where it has none, or where it is cut."""
        return self.measures.volume_ml


@dataclass(frozen=True, eq=False)
class Result:
    """What was found in a CT.

    spine : centre of the visible spine; NaN where none is in view.
    vertebrae : name ("L1") -> vertebra, from head to foot.
    label_map : uint8 on the grid of `ct.image`, VerSe's numbers, 0 elsewhere.
    numbering : how probable all their levels together are, and what else they may be.
    curvature : angles of the spine's curves.
    flags : what a reader should look at, the scan's own flags included.
    engines : stage -> what computed its network. parts : stage -> in how many parts it was run,
        where memory did not suffice for one.
    """

    ct: CT
    spine: Spine
    vertebrae: Mapping[str, Vertebra]
    label_map: sitk.Image
    numbering: Numbering | None
    curvature: Curvature
    flags: tuple[Flag, ...]
    engines: Mapping[Stage, Engine] = field(default_factory=dict)
    parts: Mapping[Stage, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What a reader looks for first, in one line."""
        seen = counted(list(self.vertebrae)) if self.vertebrae else "no vertebra"
        return f"<Result: {seen}; {count(len(self.flags), 'flag')}>"


def read_ct(path: str | Path, series: str | None = None) -> CT:
    """A CT in Hounsfield units: NIfTI, NRRD, MetaImage, or a DICOM series.

    series : number or UID of the DICOM series, where a folder holds several CT.
    Raises BadInputError when the file is not one 3-D CT.
    """
    _expect("path", path, PATH, "a file or folder")
    _expect("series", series, (str, NoneType), "its number or UID, as text")
    return volume.read_ct(Path(path), series)


def load_models(
    weights: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    engine: str | None = None,
    *,
    fast: bool = False,
) -> Models:
    """The networks of the three stages; each is loaded when it is first used.

    weights : folder of weights; None for those that come with versectl.
    device : "auto", "cpu", "gpu" or "gpu:N". precision : "auto", "float32", "bfloat16", "float16".
    engine : "tensorflow", "openvino", "jax", "torch"; "auto", the fastest that is installed; None,
        TensorFlow if it is installed, otherwise as "auto". A process can use one engine.
    fast : masks from less context, as --fast.
    Raises DeviceError for a word that is none of these, WeightsError when the folder lacks weights;
    using the models raises the same when engine or device is not there, or weights are damaged.
    """
    _expect("weights", weights, (*PATH, NoneType), "a folder of weights, or None")
    _expect("fast", fast, bool, "True or False")
    folder = None if weights is None else Path(weights)
    choice.check(engine, device, precision)
    for stage in STAGES:
        describe(folder, stage)
    return Models(folder, engine, device, precision, None, fast)


def run(ct: Image, models: types.Models | None = None) -> Result:
    """Find, label and segment the vertebrae of a CT.

    ct : what read_ct gives; or an image of SimpleITK or nibabel; or an array (x, y, z) with its
        affine (4, 4) from voxels to RAS millimetres, as nibabel has both. Hounsfield units.
    models : what load_models gives; None loads those that come with versectl.
    Where no spine is in view, the result has no vertebra and the flag "no_spine".
    A network that does not fit into memory is run in parts.
    Raises BadInputError when the image is no CT, OutOfMemoryError when not even parts fit.
    """
    _expect("models", models, (types.Models, NoneType), "what load_models returns")
    known_ct = memory.as_ct(ct)
    watched = WatchedModels(models or load_models(), Steps(), nullcontext())
    try:
        found = pipeline.run(known_ct.image, watched)
    except Exception as error:
        if is_out_of_memory(error):
            raise explain(error) from error
        raise
    measured = measurements.of(found.vertebrae, found.label_map, known_ct.image)
    vertebrae = [
        Vertebra(
            row.label,
            row.name,
            vertebra.center_mm,
            vertebra.peak,
            vertebra.confidence,
            row.at_border,
            row.measures,
        )
        for row, vertebra in zip(measured.vertebrae, found.vertebrae.values(), strict=True)
    ]
    return Result(
        ct=known_ct,
        spine=found.spine,
        vertebrae={vertebra.name: vertebra for vertebra in vertebrae},
        label_map=found.label_map,
        numbering=found.vertebrae.numbering,
        curvature=measured.curvature,
        flags=(
            *known_ct.flags,
            *quality.of_result(found, measured, known_ct.image),
            *quality.computed_in_parts(watched.parts),
        ),
        engines=watched.engines,
        parts=watched.parts,
    )


def save(result: Result, folder: str | Path, name: str, overwrite: bool = False) -> list[Path]:
    """Write a result as the command line does; the files written.

    <name>_spine.json, <name>_ctd.json, <name>_seg.nii.gz, <name>_report.json and
    <name>_provenance.json, on the CT's own grid and in its own axes. They appear together, in place
    of a former result of that name with its pictures and other formats. The CT's file and the
    weights are not known here, so that a later run-all into the folder computes the case anew; what
    you correct in these files it keeps.

    overwrite : replace files that were corrected, too.
    Raises OutputError when the folder cannot be written, BusyError when another run is processing
    the case, BadInputError where a correction would be lost or the name cannot name files.
    """
    _expect("result", result, Result, "what run returns")
    _expect("folder", folder, PATH, "a folder")
    _expect("name", name, str, "the beginning of the files' names")
    _expect("overwrite", overwrite, bool, "True or False")
    selection.check_name(name)
    paths = Paths(Path(folder), name)
    with transaction.begin_or_refuse(paths.folder, name) as files:
        if not overwrite:
            _refuse_to_lose_corrections(paths)
        made = _write(result, Paths(files.making, name))
        former = [paths.of("heatmap"), *export_files.made(paths)]
        files.commit(path.name for path in former)
    return [paths.folder / path.name for path in made]


def evaluate(
    pred: str | Path | Result, gt: str | Path, options: "Options | None" = None
) -> "Report":
    """Compare predictions with the ground truth: ID rate, point error, Dice, Hausdorff distance.

    pred : a folder of results, one file, or a result in memory. gt : a folder, or one file.
    options : how to read and count; versectl.evaluation.Options.
    Raises BadInputError when the two have no case in common.
    """
    from versectl.evaluation import Findings, Options, compare, findings
    from versectl.evaluation import evaluate as evaluate_files

    _expect("pred", pred, (*PATH, Result), "a folder, a file or what run returns")
    _expect("gt", gt, PATH, "a folder or a file")
    _expect("options", options, (Options, NoneType), "versectl.evaluation.Options")
    if not isinstance(pred, Result):
        return evaluate_files(pred, gt, options)
    centers_mm = {vertebra.label: vertebra.center_mm for vertebra in pred.vertebrae.values()}
    return compare(Findings(pred.label_map, centers_mm), findings(gt), options)


def _expect(name: str, given: object, kinds: type | tuple[type, ...], wanted: str) -> None:
    """BadInputError where an argument is of none of these kinds."""
    if not isinstance(given, kinds):
        raise BadInputError(f"{name} has type {type(given).__name__}; give {wanted}.")


def _refuse_to_lose_corrections(paths: Paths) -> None:
    recorded = provenance.read(paths.of("provenance"), paths.of("report"))
    export_files.check(export_files.written(paths), recorded)
    for path in reuse.corrected(paths, recorded, STAGES):
        raise BadInputError(
            f"{path} is not as versectl wrote it, and would be replaced; choose another folder or "
            "name, or give overwrite=True."
        )


def _write(result: Result, making: Paths) -> list[Path]:
    """Write all files of a result; the files."""
    found = _of_stages(result)
    known = Known(found.spine, found.vertebrae, found.label_map)
    for stage in STAGES:
        case_files.write(known, stage, result.ct, making.of(stage))
    origins = _origins(found, result.engines, making)
    engine = next(iter(result.engines.values()), None)
    record = case_report.Record(None, None, origins, parts=result.parts, engine=engine)
    report = case_report.done(making.case_name, result.ct, found, record)
    atomic.write_json(report, making.of("report"))
    provenance.write(making.case_name, origins, making.of("provenance"))
    return [making.of(kind) for kind in (*STAGES, "report", "provenance")]


def _origins(found: types.Result, engines: Mapping[Stage, Engine], making: Paths) -> Origins:
    """What made each stage's file: versectl, with a model and of a CT that are not known."""
    origins: Origins = {}
    preceding = None
    for stage in STAGES:
        path = making.of(stage)
        sha256 = atomic.sha256(path)
        engine = engines.get(stage)
        origin = Origin(sha256, VERSECTL, None, made_from_sha256=preceding, engine=engine)
        if stage == "vertebrae":
            origin = provenance.with_vertebrae(origin, found.vertebrae)
        origins[path.name], preceding = origin, sha256
    return origins


def _of_stages(result: Result) -> types.Result:
    """The result as the stages gave it."""
    vertebrae = {
        vertebra.label: types.Vertebra(vertebra.center_mm, vertebra.peak, vertebra.confidence)
        for vertebra in result.vertebrae.values()
    }
    return types.Result(result.spine, Vertebrae(vertebrae, result.numbering), result.label_map)
