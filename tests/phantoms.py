"""Phantoms drawn by the tests: lopsided and anisotropic, so that a swapped axis shows."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from versectl import config, geometry
from versectl.batch import outcome
from versectl.batch.outcome import Outcome
from versectl.io import atomic
from versectl.stages import vertebrae
from versectl.types import Identity, Model

#: The command line with the phantom's networks, to run in a process of its own.
PROGRAM = str(Path(__file__).with_name("phantom_cli.py"))

#: Three blocks as vertebrae: label -> centre in the world.
CENTERS_MM = {
    19: np.array([6.0, 31.0, -58.0]),
    20: np.array([3.0, 27.0, -90.0]),
    21: np.array([-2.0, 24.0, -122.0]),
}

#: Half the width of a block along x, y, z.
HALF_MM = np.array([19.0, 14.0, 11.0])

#: The middle of the phantom's scan.
MIDDLE_MM = np.array([-8.0, 22.0, -92.0])

#: Hounsfield units of the phantom.
AIR, FAT, BONE = -1000, -90, 1000

#: Grids a scan can lie on: letters of the axes -> direction cosines, columns are the axes.
PIR = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
LPS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def oblique(direction: tuple[float, ...] = LPS, degrees: float = 17.0) -> tuple[float, ...]:
    """Direction cosines turned round an axis that is parallel to none of the world's."""
    turn = sitk.VersorTransform((0.3, 0.8, 0.52), np.radians(degrees))
    matrix = np.array(turn.GetMatrix()).reshape(3, 3) @ np.array(direction).reshape(3, 3)
    return tuple(matrix.ravel().tolist())


def grid_points_mm(image: sitk.Image) -> np.ndarray:
    """World position of every voxel: (z, y, x, 3)."""
    z, y, x = np.indices(image.GetSize()[::-1])
    return geometry.to_mm(image, np.stack([x, y, z], axis=-1))


def draw(
    spacing_mm: tuple[float, float, float] = (2.0, 1.5, 2.5),
    direction: tuple[float, ...] = LPS,
) -> tuple[sitk.Image, sitk.Image]:
    """CT (int16) and label map (uint8) of the blocks in fat, with an air corner."""
    extent_mm = np.array([88.0, 96.0, 118.0])  # along world x, y, z
    matrix = np.array(direction).reshape(3, 3)
    along_axes_mm = np.abs(np.rint(matrix).T @ extent_mm)
    size = np.rint(along_axes_mm / spacing_mm).astype(int)
    image = sitk.Image(size.tolist(), sitk.sitkInt16)
    image.SetSpacing(spacing_mm)
    image.SetDirection(direction)
    image.SetOrigin((MIDDLE_MM - matrix @ ((size - 1) / 2 * spacing_mm)).tolist())
    points_mm = grid_points_mm(image)
    label_map = np.zeros(size[::-1], np.uint8)
    for label, center_mm in CENTERS_MM.items():
        label_map[np.all(np.abs(points_mm - center_mm) <= HALF_MM, axis=-1)] = label
    hounsfield = np.where(label_map > 0, BONE, FAT).astype(np.int16)
    hounsfield[:3, :4, :5] = AIR
    return geometry.from_array(hounsfield, image), geometry.from_array(label_map, image)


def bright(seen: np.ndarray) -> np.ndarray:
    """A network for the first stage: bone is spine, as logits."""
    return np.where(seen > 0.2, 4.0, -9.0).astype(np.float32)


def in_order(seen: np.ndarray, stage_config: config.StageConfig) -> np.ndarray:
    """A network for the second stage: bright blocks, highest first, are T12, L1, L2; logarithms.

    It knows the scan only by what it sees.
    """
    grid = geometry.Grid(seen.shape[2::-1], (stage_config.spacing_mm,) * 3, (0.0, 0.0, 0.0))
    blocks, count = ndimage.label(seen[..., 0] > 0.2)
    centers_vox = ndimage.center_of_mass(blocks > 0, blocks, range(1, count + 1))
    highest_first = sorted(centers_vox, key=lambda zyx: -zyx[0])
    points_mm = [grid.to_mm(np.array(zyx)[::-1]) for zyx in highest_first]
    found_mm = dict(zip(CENTERS_MM, points_mm, strict=False))
    return np.log(vertebrae.target(found_mm, grid, stage_config) + 1e-9)


def pointed_at(seen: np.ndarray) -> np.ndarray:
    """A network for the third stage: the bright block the Gaussian points at, as logits."""
    blocks, _ = ndimage.label(seen[..., 0] > 0.2)
    there = np.unravel_index(seen[..., 1].argmax(), blocks.shape)
    wanted = (blocks == blocks[there]) & (blocks > 0)
    return np.where(wanted, 9.0, -9.0).astype(np.float32)[..., None]


def slimmer(seen: np.ndarray) -> np.ndarray:
    """Another network for the third stage: the same blocks, a voxel less on all sides."""
    wanted = ndimage.binary_erosion(pointed_at(seen)[..., 0] > 0)
    return np.where(wanted, 9.0, -9.0).astype(np.float32)[..., None]


class Phantoms(dict):
    """A model per stage that finds the phantom's blocks, in boxes smaller than the real ones.

    Can be handed to another process, as the real ones can.
    """

    fast = False
    on_gpu = False
    precision = "auto"

    def __init__(self) -> None:
        spine_config = replace(config.DEFAULT["spine"], size_vox=(32, 32, 32))
        vertebrae_config = replace(config.DEFAULT["vertebrae"], size_vox=(64, 64, 96))
        segmentation_config = replace(config.DEFAULT["segmentation"], size_vox=(64, 96, 48))
        named = partial(in_order, stage_config=vertebrae_config)
        super().__init__(
            spine=Model(spine_config, bright, "a" * 64),
            vertebrae=Model(vertebrae_config, named, "b" * 64),
            segmentation=Model(segmentation_config, pointed_at, "c" * 64),
        )

    def model(self, stage: str) -> Model:
        return self[stage]

    def __reduce__(self) -> tuple:
        return type(self), ()

    def load_ahead(self, stages) -> None:
        """Nothing to load."""

    def identity(self, stage: str) -> Identity:
        return Identity(self[stage].sha256, config.fingerprint(self[stage].config))


def ended(one: Outcome) -> str:
    """How a case ended: what is kept was finished when the process beside it died."""
    return outcome.DONE if one.status == outcome.KEPT else one.status


def dice(one: sitk.Image, other: sitk.Image, label: int) -> float:
    """Overlap of one label in two label maps, 0..1."""
    a, b = (geometry.to_array(image) == label for image in (one, other))
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def results(out):
    """What a run left, without the time it took: file name -> content."""
    found = {}
    for file in sorted(out.glob("case*")):
        found[file.name] = atomic.sha256(file)
        if file.name.endswith("_report.json"):
            told = json.loads(file.read_text())
            found[file.name] = {
                k: v for k, v in told.items() if k not in ("seconds", "peak_memory_mb")
            }
    return found
