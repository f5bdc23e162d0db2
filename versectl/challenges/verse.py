"""Results under the names, and in the axes, that the VerSe challenges wanted.

verse2019 : IN holds <id>.nii.gz; OUT gets <id>_seg.nii.gz and <id>_ctd.json.
verse2020 : IN holds <subject>/<id>.nii.gz; OUT gets <subject>/<id>_seg.nii.gz and _ctd.json.

Their centroid files are lists of {"label", "X", "Y", "Z"} in millimetres from an edge of the
volume, without a direction; which edges differs between the two.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from versectl.batch import outcome, transaction
from versectl.batch import run as batch_run
from versectl.batch.job import Job
from versectl.errors import BadInputError
from versectl.io import atomic, case_files, centroids, challenge_centroids, volume
from versectl.io.layout import Case


@dataclass(frozen=True)
class Layout:
    """How a challenge hands scans over and wants results.

    pattern : of the scans below IN.
    points : whose axes the centroid files have.
    """

    pattern: str
    points: challenge_centroids.Challenge


LAYOUTS = {
    "verse2019": Layout("*.nii.gz", "verse19"),
    "verse2020": Layout("*/*.nii.gz", "verse20"),
}


def workplace(out: Path) -> Path:
    """Where versectl's own results lie, reports included; hidden from the challenge."""
    return out / transaction.HIDDEN / "challenge"


def run(source: Path, out: Path, layout: Layout, job: Job) -> None:
    """Do every scan and hand the results over as the layout has it.

    What was done is handed over although other cases failed.
    Raises what batch_run.conclude() raises, BadInputError when there is no scan.
    """
    scans = sorted(file for file in Path(source).glob(layout.pattern) if file.is_file())
    ours = [scan for scan in scans if not scan.name.startswith(".")]
    if not ours:
        raise BadInputError(f"{source} holds no {layout.pattern}.")
    by_name = {case_name(scan, source): scan for scan in ours}
    done = batch_run.run_cases([Case(name, scan) for name, scan in by_name.items()], job)
    for one in done:
        if one.status in (outcome.DONE, outcome.KEPT):
            place = out / by_name[one.name].relative_to(source)
            hand_over(case_files.Paths(job.out, one.name), place, layout)
    batch_run.conclude(done)


def case_name(scan: Path, source: Path) -> str:
    """A name that no other scan has: two subjects may use the same file name.

    >>> case_name(Path("in/a/b_c.nii.gz"), Path("in"))
    'a_b%5Fc'
    >>> case_name(Path("in/a_b/c.nii.gz"), Path("in"))
    'a%5Fb_c'
    """
    *folders, file = scan.relative_to(source).parts
    parts = (*folders, file.removesuffix(".nii.gz"))
    if not folders:
        return parts[0]
    return "_".join(part.replace("%", "%25").replace("_", "%5F") for part in parts)


def hand_over(paths: case_files.Paths, place: Path, layout: Layout) -> None:
    """Copy a finished case's masks and centroids to where the challenge looks for them.

    place : the scan's, within the output folder.
    """
    scan_id = place.name.removesuffix(".nii.gz")
    with atomic.replacing(place.with_name(f"{scan_id}_seg.nii.gz")) as temporary:
        shutil.copyfile(paths.of("segmentation"), temporary)
    own = volume.read_placement(paths.of("segmentation")).own
    points_mm = centroids.to_world(centroids.read(paths.of("vertebrae")), own)
    listed = challenge_centroids.entries(points_mm, own, layout.points)
    atomic.write_json(listed, place.with_name(f"{scan_id}_ctd.json"))
