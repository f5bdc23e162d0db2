"""What a picture shows of the CT: planes that follow the spine, and the bones seen from the front.

Pictures are (rows, columns, 3), red, green, blue in 0..1; rows go down, and a place in them is
(column, row) in pixels from the upper left corner.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from versectl import geometry, labels

#: Label -> centre in the world (3,).
Centers = Mapping[int, np.ndarray]

#: chosen: how much is shown beyond the outermost centres towards lower and higher x, y, z. Beside
#: the spine the ribs are seen by which levels are counted; above and below it, vertebrae that were
#: passed over.
BEFORE_MM, BEYOND_MM = np.array([95.0, 60.0, 120.0]), np.array([95.0, 85.0, 120.0])

#: What is black and what is white, in Hounsfield units: soft tissue to compact bone.
WINDOW_HU = (-250.0, 900.0)

#: chosen: the same for the projection. Organs with contrast agent are dark. What one pixel in a
#: hundred exceeds is white, within these limits: poor bone is seen, and metal does not count.
BONE_BLACK_HU, BONE_WHITE_HU, BONE_WHITE_PERCENTILE = 130.0, (450.0, 1300.0), 99

#: chosen: the bones are projected from so far in front of the centres to so far behind them, which
#: takes in transverse processes and the ribs' beginnings and leaves out sternum and table.
DEPTH_MM = (-35.0, 50.0)

#: chosen: pixels of the projection, and steps along its rays; coarser where there would be more
#: samples than this.
PROJECTED_MM, STEP_MM, MOST_SAMPLES = 1.3, 2.5, 3_000_000

#: chosen: how strongly the masks' colours cover the CT, at their outlines and within.
OUTLINE, FILL = 0.9, 0.16

X, Y, Z = range(3)


class View(NamedTuple):
    """Which world axis goes across the picture, and along which one looks.

    Sagittal pictures show anterior at the left, coronal ones the patient's right at the left.
    """

    across: int
    along: int


SAGITTAL = View(Y, X)
CORONAL = View(X, Y)


class Box(NamedTuple):
    """The part of the world that is shown, (3,) each."""

    low_mm: np.ndarray
    high_mm: np.ndarray

    @property
    def size_mm(self) -> np.ndarray:
        """Along x, y, z."""
        return self.high_mm - self.low_mm


@dataclass(frozen=True, eq=False)
class Pane:
    """A picture, and where its vertebrae are.

    at_px : label -> centre. edges_px : label -> first and last column of its mask and centre in
    the row of its centre.
    """

    picture: np.ndarray
    at_px: Mapping[int, tuple[float, float]]
    edges_px: Mapping[int, tuple[float, float]]


class Panes(NamedTuple):
    """The three pictures; `bones` may have larger pixels."""

    sagittal: Pane
    coronal: Pane
    bones: Pane


def shown_box(ct: sitk.Image, centers_mm: Centers) -> Box:
    """What is near the spine; the whole scan where no vertebra is known."""
    low_mm, high_mm = geometry.extent(ct)
    if not centers_mm:
        return Box(low_mm, high_mm)
    centers = np.array(list(centers_mm.values()))
    lowest, highest = centers.min(axis=0) - BEFORE_MM, centers.max(axis=0) + BEYOND_MM
    return Box(np.clip(lowest, low_mm, high_mm), np.clip(highest, low_mm, high_mm))


def panes(
    ct: sitk.Image, label_map: sitk.Image | None, box: Box, centers_mm: Centers, px_per_mm: float
) -> Panes:
    """All three pictures; those of the planes have so many pixels per millimetre."""
    sagittal, coronal = (
        _pane((ct, label_map), curved_plane(box, centers_mm, view, 1 / px_per_mm), view, centers_mm)
        for view in (SAGITTAL, CORONAL)
    )
    bones = projection(ct, box, centers_mm)
    white = np.clip(np.percentile(bones, BONE_WHITE_PERCENTILE), *BONE_WHITE_HU)
    picture = in_grey(bones, (BONE_BLACK_HU, float(white)))
    return Panes(sagittal, coronal, Pane(picture, coronal.at_px, {}))


def curved_plane(box: Box, centers_mm: Centers, view: View, pixel_mm: float) -> np.ndarray:
    """World points (rows, columns, 3) of a view on a box.

    The third coordinate follows the centres from row to row, and stays beyond the outermost.
    """
    rows_mm = box.high_mm[Z] - _middles(box.size_mm[Z], pixel_mm)
    columns_mm = box.low_mm[view.across] + _middles(box.size_mm[view.across], pixel_mm)
    centers = np.array(list(centers_mm.values()) or [(box.low_mm + box.high_mm) / 2])
    centers = centers[np.argsort(centers[:, Z])]
    points = np.empty((len(rows_mm), len(columns_mm), 3))
    points[..., Z] = rows_mm[:, None]
    points[..., view.across] = columns_mm
    points[..., view.along] = np.interp(rows_mm, centers[:, Z], centers[:, view.along])[:, None]
    return points


def projection(ct: sitk.Image, box: Box, centers_mm: Centers) -> np.ndarray:
    """The largest values from front to back near the spine, in HU (rows, columns)."""
    half_mm = float(box.size_mm[Y]) / 2
    front_mm, back_mm = DEPTH_MM if centers_mm else (-half_mm, half_mm)
    wide_mm, _, tall_mm = box.size_mm
    samples = wide_mm * tall_mm * (back_mm - front_mm) / (PROJECTED_MM**2 * STEP_MM)
    coarser = max(1.0, (samples / MOST_SAMPLES) ** (1 / 3))
    points_mm = curved_plane(box, centers_mm, CORONAL, PROJECTED_MM * coarser)
    at_vox = geometry.to_vox(ct, points_mm)
    backwards_vox = geometry.to_vox(ct, points_mm[0, 0] + np.array([0, 1, 0])) - at_vox[0, 0]
    largest = np.full(points_mm.shape[:2], geometry.AIR_HU)
    for depth_mm in np.arange(front_mm, back_mm, STEP_MM * coarser):
        moved_vox = at_vox + depth_mm * backwards_vox
        np.maximum(largest, _sample_vox(ct, moved_vox, order=1), out=largest)
    return largest


def in_grey(hounsfield: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """A picture of Hounsfield units (rows, columns) between black and white."""
    low, high = window
    grey = np.clip((hounsfield.astype(np.float32) - low) / (high - low), 0, 1)
    return np.repeat(grey[..., None], 3, axis=-1)


def with_masks(picture: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The picture under the outlines of the labels (rows, columns), lightly filled."""
    strength = np.where(_outlines(shown), OUTLINE, FILL)[..., None]
    colored = picture.copy()
    for label in np.intersect1d(shown, labels.ORDER):
        here, color = shown == label, np.array(labels.color(label))
        colored[here] = (1 - strength[here]) * picture[here] + strength[here] * color
    return colored


def sample(image: sitk.Image, points_mm: np.ndarray, order: int) -> np.ndarray:
    """The image at world points, (rows, columns); beyond it air, and with order 0 no label."""
    return _sample_vox(image, geometry.to_vox(image, points_mm), order)


def _sample_vox(image: sitk.Image, at_vox: np.ndarray, order: int) -> np.ndarray:
    """The image at voxels (rows, columns, 3)."""
    array = sitk.GetArrayViewFromImage(image)
    zyx_vox = np.moveaxis(at_vox[..., ::-1], -1, 0)
    outside = geometry.AIR_HU if order else 0
    return ndimage.map_coordinates(array, zyx_vox, order=order, cval=outside)


def _pane(
    images: tuple[sitk.Image, sitk.Image | None],
    points_mm: np.ndarray,
    view: View,
    centers_mm: Centers,
) -> Pane:
    """The plane of these points. images : the CT, and the masks where there are any."""
    ct, label_map = images
    picture = in_grey(sample(ct, points_mm, order=1), WINDOW_HU)
    at_px = {label: _place(points_mm, view, center) for label, center in centers_mm.items()}
    if label_map is None:
        return Pane(picture, at_px, {label: (x, x) for label, (x, _) in at_px.items()})
    shown = sample(label_map, points_mm, order=0)
    edges_px = {label: _edges(shown, label, at) for label, at in at_px.items()}
    return Pane(with_masks(picture, shown), at_px, edges_px)


def _middles(length_mm: float, pixel_mm: float) -> np.ndarray:
    """Distances of the pixels' middles from where the first one begins; at least one."""
    return (np.arange(max(1, round(length_mm / pixel_mm))) + 0.5) * pixel_mm


def _place(points_mm: np.ndarray, view: View, center_mm: np.ndarray) -> tuple[float, float]:
    """Column and row of a centre in a plane, in pixels; one beyond it comes to its border."""
    columns_mm, rows_mm = points_mm[0, :, view.across], points_mm[:, 0, Z]
    column = np.interp(center_mm[view.across], columns_mm, np.arange(len(columns_mm)) + 0.5)
    row = np.interp(center_mm[Z], rows_mm[::-1], np.arange(len(rows_mm))[::-1] + 0.5)
    return float(column), float(row)


def _edges(shown: np.ndarray, label: int, at_px: tuple[float, float]) -> tuple[float, float]:
    """First and last column of a label, or of its centre, in the row of its centre."""
    columns = np.flatnonzero(shown[int(at_px[1])] == label)
    ends = [at_px[0], *columns[:1], *(columns[-1:] + 1)]
    return float(min(ends)), float(max(ends))


def _outlines(shown: np.ndarray) -> np.ndarray:
    """Which pixels of labels have a neighbour of another label, or of none."""
    padded = np.pad(shown, 1)
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return (shown != 0) & np.any([shown != other for other in neighbours], axis=0)
