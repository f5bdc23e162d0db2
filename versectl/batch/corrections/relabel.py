"""Correct the labels of a case in OUT without computing it again: all its files get the new ones.

The centroids count as corrected by hand from then on. The masks stay what the networks made of
these centres; only their numbers change. What is made of the CT, the preview and DICOM SEG, is
written again if the CT is given, and removed otherwise: a picture must not show former labels.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from versectl import geometry, labels
from versectl.batch import selection, transaction
from versectl.batch.case_run import exports as case_exports
from versectl.batch.case_run import reuse
from versectl.batch.corrections import centroid_files, export_files
from versectl.batch.transaction import Transaction
from versectl.errors import BadInputError
from versectl.io import atomic, case_files, centroids, layout, volume
from versectl.io.case_files import Paths
from versectl.io.centroids import Centroids
from versectl.io.export import Format, formats, nifti
from versectl.io.export.findings import Findings
from versectl.io.export.formats import NEED_DICOM, Exports
from versectl.io.images.placement import Placement
from versectl.io.layout import Case
from versectl.io.volume import CT
from versectl.report import provenance, quality, reading, relabelling
from versectl.report.measurements import bodies
from versectl.report.provenance import USER, Correction, Origin, Origins
from versectl.report.relabelling import Change
from versectl.text import first_few
from versectl.types import Flag, Known, Vertebrae

#: From the vertebrae, and all labels of centroids and masks, to the new ones.
Wanted = Callable[[Vertebrae, Collection[int]], Change]

#: Who corrected, in the provenance.
BY = "relabel"


@dataclass(frozen=True)
class Relabelled:
    """What became of the labels, and which files are gone for want of the CT.

    flags : what deserves a look under the new labels.
    report_removed : the report, if it is gone: it was not of the files as they were.
    """

    change: Change
    removed: tuple[str, ...]
    flags: tuple[Flag, ...] = ()
    report_removed: str | None = None

    @property
    def remarks(self) -> list[str]:
        """What is gone, and how to have it again, a sentence each."""
        said = [f"removed, because it showed the former labels: {file}" for file in self.removed]
        if self.removed:
            said.append("versectl preview and versectl export write such files again.")
        if self.report_removed:
            lost = f"removed, because it has not the new labels: {self.report_removed}"
            said.append(f"{lost}; run run-all again to have it")
        return said


def only_case(out: Path) -> str:
    """The name of the one case in OUT; BadInputError when there are more, or none."""
    names = _cases(out)
    if len(names) > 1:
        raise BadInputError(
            f"{out} has {len(names)} cases: {first_few(names)}; choose one with --case."
        )
    return names[0]


def _cases(out: Path) -> list[str]:
    """The cases that have centroids, in order of name; BadInputError where there is none."""
    names = {
        path.name.removesuffix(ending)
        for ending in ("_ctd.json", "_ctd.mrk.json")
        for path in Path(out).glob(f"*{ending}")
    }
    if not names:
        raise BadInputError(f"{out} has no centroids of any case; give the OUT of run-all.")
    return sorted(names)


def case_of(out: Path, name: str, ct: Path | None, series: str | None = None) -> Case:
    """The case of that name; its CT is a file or a DICOM folder, or in a folder of CTs."""
    if ct is None:
        return Case(name)
    found = {case.name: case for case in selection.find_cases([ct], out, series)}
    if name in found:
        return found[name]
    if len(found) > 1:
        raise BadInputError(f"{ct} has no CT of a case {name}; give its file.")
    return replace(*found.values(), name=name)


def relabel(out: Path, case: Case, wanted: Wanted) -> Relabelled:
    """Give the vertebrae of a case other labels, in all its files at once or in none.

    case : its CT may be None.
    Raises BadInputError where the case has no centroids or the labels are not possible, BusyError
    where another run is processing the case.
    """
    paths = Paths(out, case.name)
    if not any(paths.of(kind).exists() for kind in ("vertebrae", "markups")):
        there = first_few(_cases(out))
        raise BadInputError(f"{out} has no centroids of a case {case.name}; there is {there}.")
    with transaction.begin_or_refuse(out, case.name) as files:
        return _relabel(files, case, wanted)


def _relabel(files: Transaction, case: Case, wanted: Wanted) -> Relabelled:
    """The same, with the case locked."""
    paths, making = Paths(files.out, case.name), Paths(files.making, case.name)
    former = _Former.of(paths, case)
    if not former.vertebrae:
        raise BadInputError(f"{case.name} has no vertebra: no spine is in view.")
    change = wanted(former.vertebrae, former.there)
    if all(old == new for old, new in change.items()):
        raise BadInputError(f"{case.name} has these labels already; nothing was changed.")
    export_files.check(export_files.written(paths), former.recorded)
    former.write(change, making)
    record = {**former.recorded, **_origins(former, change, making)}
    _write_report(former, change, record, making)
    _draw(former, making)
    record |= _exported(former, change, making)
    outdated = _outdated(paths, making)
    gone = {path.name for path in outdated}
    left = {name: origin for name, origin in record.items() if name not in gone}
    provenance.write(case.name, left, making.of("provenance"))
    named_anew = nifti.each_of(making.folder, making.case_name)
    renamed = nifti.each_of(paths.folder, paths.case_name) if named_anew else []
    report, former_report = reading.read(making.of("report")), paths.of("report")
    lost = former_report.name if report is None and former_report.exists() else None
    files.commit(path.name for path in outdated)
    removed = tuple(path.name for path in outdated if path not in renamed)
    return Relabelled(change, removed, () if report is None else report.flags, lost)


@dataclass(frozen=True, eq=False)
class _Former:
    """A case before its labels change.

    ct, label_map : None where they are not at hand. placed : where the scan's file has its voxels.
    """

    paths: Paths
    case: Case
    ct: CT | None
    placed: Placement
    vertebrae: Vertebrae
    label_map: sitk.Image | None

    @classmethod
    def of(cls, paths: Paths, case: Case) -> "_Former":
        masks = paths.of("segmentation")
        if not masks.exists() and case.ct is None:
            raise BadInputError(f"{case.name} has no masks yet; give its CT as well (--ct).")
        if case.ct is not None:
            recorded = provenance.read(paths.of("provenance"), paths.of("report"))
            reuse.refuse_another_ct(paths, recorded, layout.sha256(case))
        ct = None if case.ct is None else volume.read_ct(case.ct, case.series)
        placed = volume.read_placement(masks) if ct is None else ct.placement
        if centroid_files.corrected_markups(paths) is not None:
            centroid_files.take_over(paths, placed.own)
        vertebrae = case_files.read_vertebrae(placed.own, paths.of("vertebrae"))
        label_map = volume.read_labels(masks) if masks.exists() else None
        if ct is not None and label_map is not None and not geometry.same_grid(label_map, ct.image):
            raise BadInputError(f"{case.ct} is not the CT of {case.name}: its masks lie elsewhere.")
        return cls(paths, case, ct, placed, vertebrae, label_map)

    @property
    def there(self) -> frozenset[int]:
        """Labels of centroids and of masks."""
        found = frozenset(self.vertebrae)
        if self.label_map is None:
            return found
        masked = np.unique(sitk.GetArrayViewFromImage(self.label_map)).tolist()
        return found | (frozenset(masked) & frozenset(labels.ORDER))

    @property
    def recorded(self) -> Origins:
        """What is recorded of the files."""
        return provenance.read(self.paths.of("provenance"), self.paths.of("report"))

    @property
    def exports(self) -> Exports:
        """The other formats there are, those apart for which the CT is needed and not given."""
        there = formats.present(self.paths.folder, self.case.name)
        impossible = NEED_DICOM if self.case.ct is None else ()
        return replace(there, formats=tuple(f for f in there.formats if f not in impossible))

    def shown(self, name: Format, change: Change) -> tuple[int, ...] | None:
        """New labels of the vertebrae that a format shows; None where these are all."""
        held = formats.labels_in(self.paths.folder, self.case.name, name)
        return None if held is None or held >= {*self.vertebrae} else _changed(held, change)

    def shown_alone(self, change: Change) -> tuple[int, ...]:
        """New labels of the vertebrae that have a mask alone."""
        return _changed(nifti.labels_alone(self.paths.folder, self.case.name), change)

    def write(self, change: Change, making: Paths) -> None:
        """Write centroids, masks, and what is made of them."""
        _write_centroids(self.paths.of("vertebrae"), change, making.of("vertebrae"))
        if self.label_map is None:
            return
        masks = making.of("segmentation")
        nifti.write_renamed(self.paths.of("segmentation"), _table(change), masks)
        exports = self.exports
        found = self._found(change, volume.read_labels(masks), exports)
        found = replace(found, flags=self._flags(change))
        formats.check(exports, self.case)
        for part in self._parts(exports, change):
            formats.write(part, found, making.folder)

    def _parts(self, exports: Exports, change: Change) -> list[Exports]:
        """The exports by the vertebrae that they show; formats that share a file show the same."""
        by_shown: dict[tuple[int, ...] | None, list[Format]] = {}
        for name in exports.formats:
            by_shown.setdefault(self.shown(name, change), []).append(name)
        parts = [Exports(tuple(names), only=only) for only, names in by_shown.items()]
        if exports.per_vertebra:
            parts.append(Exports(per_vertebra=True, only=self.shown_alone(change)))
        return parts

    def _flags(self, change: Change) -> tuple[Flag, ...]:
        """What the report will say of the new labels; nothing where there is none."""
        report = _present_report(self.paths)
        flags = [] if report is None else relabelling.report(report, change, {})["flags"]
        return tuple(Flag(**flag) for flag in flags)

    def _found(self, change: Change, label_map: sitk.Image, exports: Exports) -> Findings:
        """What exports show, under the new labels."""
        renamed = {change[label]: vertebra for label, vertebra in self.vertebrae.items()}
        found = Vertebrae({label: renamed[label] for label in labels.ORDER if label in renamed})
        if self.ct is None:
            alone = bodies.alone(found, label_map) if exports.per_vertebra else None
            shown = Findings(self.case, found.centers_mm, label_map, self.placed)
            return replace(shown, bodies=alone)
        known = Known(vertebrae=found, label_map=label_map)
        return case_exports.findings(self.case, known, self.ct, exports)


def _changed(held: Iterable[int], change: Change) -> tuple[int, ...]:
    """The new labels of these."""
    return tuple(change[label] for label in held if label in change)


def _write_centroids(source: Path, change: Change, path: Path) -> None:
    """Write a centroid file with other labels, its points to the digit."""
    former = centroids.read(source)
    points = {change[label]: point for label, point in former.points_vox.items()}
    ordered = {label: points[label] for label in labels.ORDER if label in points}
    centroids.write(Centroids(former.direction, ordered), path)


def _table(change: Change) -> NDArray[np.uint8]:
    """Label -> new label (256,); what is no vertebra stays."""
    table = np.arange(256, dtype=np.uint8)
    table[list(change)] = list(change.values())
    return table


def _write_report(former: _Former, change: Change, record: Origins, making: Paths) -> None:
    """Write the report, if there is one of these results."""
    report = _present_report(former.paths)
    if report is not None:
        files = {name: record[name] for name in report["files"] if name in record}
        content = relabelling.report(report, change, provenance.to_json(files))
        atomic.write_json(content, making.of("report"))


def _draw(former: _Former, making: Paths) -> None:
    """Draw the picture again, where there is one and the CT is given."""
    if former.ct is None or not former.paths.of("preview").exists():
        return
    from versectl.report import preview

    found = case_files.read_vertebrae(former.placed.own, making.of("vertebrae"))
    masks, report = making.of("segmentation"), reading.read(making.of("report"))
    flags = quality.of_vertebrae(found, former.ct.image) if report is None else report.flags
    shown = preview.Shown(former.case.name, found, tuple(flags))
    label_map = volume.read_labels(masks) if masks.exists() else None
    preview.write(former.ct.image, label_map, shown, making.of("preview"))


def _origins(former: _Former, change: Change, making: Paths) -> Origins:
    """What made the new centroids and masks."""
    recorded, paths = former.recorded, former.paths
    centroid_file, masks = map(making.of, ("vertebrae", "segmentation"))
    old = recorded.get(centroid_file.name, Origin("", USER, _input_sha256(former)))
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    history = (*old.corrections, Correction(BY, change, now))
    new_sha256 = atomic.sha256(centroid_file)
    corrected = Origin(new_sha256, USER, old.input_sha256, corrections=history)
    origins = {centroid_file.name: corrected}
    if masks.exists() and masks.name in recorded:
        origin = recorded[masks.name]
        untouched = origin.sha256 == atomic.sha256(paths.of("segmentation"))
        if untouched and origin.made_from_sha256 == atomic.sha256(paths.of("vertebrae")):
            origin = replace(origin, made_from_sha256=new_sha256)
        if not untouched:
            origin = Origin("", USER, origin.input_sha256)
        origins[masks.name] = replace(origin, sha256=atomic.sha256(masks))
    return origins


def _exported(former: _Former, change: Change, making: Paths) -> Origins:
    """What is recorded of the new picture, and of other formats."""
    shown = export_files.shown(making, former.paths)
    origins = export_files.origins(export_files.made(making), shown)
    name = making.of("markups").name
    if name in origins:
        only = former.shown("slicer", change)
        held = [new for new in change.values() if only is None or new in only]
        origins[name] = centroid_files.with_labels(origins[name], held)
    return origins


def _input_sha256(former: _Former) -> str | None:
    """Of the CT, if it is given or recorded for another file."""
    if former.case.ct is not None:
        return layout.sha256(former.case)
    recorded = (origin.input_sha256 for origin in former.recorded.values())
    return next((sha256 for sha256 in recorded if sha256 is not None), None)


def _present_report(paths: Paths) -> dict[str, Any] | None:
    """The report's content, if it is of the files as they are."""
    report = reading.read(paths.of("report"))
    current = report is not None and report.is_of(paths.folder)
    return reading.read_done(paths.of("report")) if current else None


def _outdated(paths: Paths, making: Paths) -> list[Path]:
    """What shows the former labels, where it is not written anew."""
    former = export_files.made(paths)
    return [path for path in former if not (making.folder / path.name).exists()]
