"""Synthetic cases on disk, in the layout of VerSe's subject-based release."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from versectl import geometry
from versectl.geometry import Grid
from versectl.io import centroids, volume
from versectl.synth.bodies import anatomy, labelmaps, posture
from versectl.synth.bodies.body import Body
from versectl.synth.drawing import ct, field_of_view
from versectl.synth.drawing.distortion import Ranges
from versectl.synth.subject import Scan

#: chosen: spacing of parametric bodies that are written out.
BODY_MM = 1.5

#: chosen: voxels within slices, and distance of slices, in mm.
IN_PLANE_MM, SLICE_MM = (0.8, 1.5), (1.0, 3.0)

#: chosen: a larger scan gets larger voxels, so that a case takes seconds.
MOST_VOXELS = 12e6

#: Axis orders seen in VerSe.
ORIENTATIONS = ("LPS", "RAS", "PIR", "LAS")


def write(out: Path, count: int, seed: int, label_folder: Path | None = None) -> Iterator[str]:
    """Write cases, each depending on seed and number alone; their names as they are done.

    With label_folder the bodies are its label maps, in turn, in place of parametric ones.
    """
    maps = labelmaps.find(label_folder) if label_folder else []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        body = labelmaps.read(maps[number % len(maps)]) if maps else parametric(rng)
        name = f"sub-synth{seed:03d}x{number:03d}"
        save(scan(body, rng), out, name)
        yield name


def parametric(rng: np.random.Generator) -> Body:
    """A random parametric body."""
    return anatomy.build(posture.sample(rng), rng, BODY_MM)


def scan(body: Body, rng: np.random.Generator) -> Scan:
    """A scan of a random part of a body, with at least one whole vertebra, in any axis order."""
    subject = ct.subject(body, Ranges(angle_deg=8.0, scale=0.1, bump_mm=3.0))
    low_mm, high_mm = field_of_view.field_of_view(subject, rng)
    in_plane_mm = rng.uniform(*IN_PLANE_MM)
    spacing_mm = np.array([in_plane_mm, in_plane_mm, rng.uniform(*SLICE_MM)])
    voxels = np.prod((high_mm - low_mm) / spacing_mm)
    spacing_mm *= max(voxels / MOST_VOXELS, 1.0) ** (1 / 3)
    size_vox = np.maximum(np.ceil((high_mm - low_mm) / spacing_mm), 16)
    made = subject.scan(Grid.centered((low_mm + high_mm) / 2, size_vox, spacing_mm), rng)
    if not made.centroids_mm:
        return scan(body, rng)
    to = str(rng.choice(ORIENTATIONS))
    return Scan(geometry.turned(made.ct, to), geometry.turned(made.labels, to), made.centroids_mm)


def save(made: Scan, out: Path, name: str) -> None:
    """Write CT, label map of the whole vertebrae, and centroids; as VerSe, the CT last."""
    derivatives = out / "derivatives" / name
    whole = geometry.keep_labels(made.labels, made.centroids_mm)
    volume.write(whole, derivatives / f"{name}_seg-vert_msk.nii.gz")
    points = centroids.from_world(made.centroids_mm, made.ct)
    centroids.write(points, derivatives / f"{name}_seg-subreg_ctd.json")
    volume.write(made.ct, out / "rawdata" / name / f"{name}_ct.nii.gz")
