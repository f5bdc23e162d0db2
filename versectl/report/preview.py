"""A picture of the results: sagittal and coronal view along the spine, in true proportions.

The planes are curved: every row of the sagittal view is cut where the spine is at that height,
so that the whole of a crooked spine is seen.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from versectl import geometry, labels
from versectl.io.atomic import replacing

#: Millimetres per pixel; finer than most scans.
PIXEL_MM = 0.7

#: What is black and what is white, in Hounsfield units: soft tissue to compact bone.
WINDOW_HU = (-250.0, 900.0)

#: How strongly the masks' colours cover the CT.
OPACITY = 0.4

#: Width and height a picture keeps within.
LARGEST_INCHES = (14.0, 14.0)

#: How much is shown beside the outermost centres.
MARGIN_MM = 100.0

X, Y, Z = range(3)


class View(NamedTuple):
    """Which world axis goes across the picture, and along which one looks.

    Sagittal pictures show anterior at the left, coronal ones the patient's right at the left.
    """

    name: str
    across: int
    along: int


SAGITTAL = View("sagittal", Y, X)
CORONAL = View("coronal", X, Y)


def write(
    ct: sitk.Image,
    centers_mm: Mapping[int, np.ndarray],
    label_map: sitk.Image | None,
    path: Path,
) -> None:
    """Write a PNG: the CT with coloured masks, centres and names; the label map may be missing."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    low_mm, high_mm = shown_box(ct, centers_mm)
    wide_mm, deep_mm, tall_mm = high_mm - low_mm
    inches_per_mm = min(LARGEST_INCHES[0] / (wide_mm + deep_mm), LARGEST_INCHES[1] / tall_mm)
    wide, tall = (wide_mm + deep_mm) * inches_per_mm + 0.3, tall_mm * inches_per_mm + 0.4
    figure = Figure(
        figsize=(max(wide, 2.0), max(tall, 2.0)), facecolor="black", layout="constrained"
    )
    panes = figure.subplots(1, 2, width_ratios=(deep_mm, wide_mm))
    for pane, view in zip(panes, (SAGITTAL, CORONAL), strict=True):
        points_mm = curved_plane((low_mm, high_mm), centers_mm, view)
        corners_mm = (low_mm[view.across], high_mm[view.across], low_mm[Z], high_mm[Z])
        pane.imshow(picture(ct, label_map, points_mm), extent=corners_mm, aspect="equal")
        _mark(pane, centers_mm, view)
        pane.set_title(view.name, color="white", fontsize=9)
        pane.set_axis_off()
    with replacing(path, ".png") as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))


def picture(ct: sitk.Image, label_map: sitk.Image | None, points_mm: np.ndarray) -> np.ndarray:
    """Red, green, blue in 0..1 at world points: the CT in grey, vertebrae in their colours."""
    low, high = WINDOW_HU
    grey = np.clip((sample(ct, points_mm, order=1).astype(np.float32) - low) / (high - low), 0, 1)
    colored = np.repeat(grey[..., None], 3, axis=-1)
    if label_map is None:
        return colored
    shown = sample(label_map, points_mm, order=0)
    for label in np.intersect1d(shown, labels.ORDER):
        here = shown == label
        colored[here] = (1 - OPACITY) * colored[here] + OPACITY * np.array(labels.color(label))
    return colored


def shown_box(
    ct: sitk.Image, centers_mm: Mapping[int, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest world coordinates of what is shown: all of z, near the spine in x, y."""
    low_mm, high_mm = geometry.extent(ct)
    if not centers_mm:
        return low_mm, high_mm
    centers = np.array(list(centers_mm.values()))
    margin_mm = np.array([MARGIN_MM, MARGIN_MM, np.inf])
    lowest, highest = centers.min(axis=0) - margin_mm, centers.max(axis=0) + margin_mm
    return np.maximum(low_mm, lowest), np.minimum(high_mm, highest)


def curved_plane(
    box_mm: tuple[np.ndarray, np.ndarray], centers_mm: Mapping[int, np.ndarray], view: View
) -> np.ndarray:
    """World points (rows, columns, 3) of a view on a box: rows go down, columns across.

    The third coordinate follows the centres from row to row, and stays beyond the outermost.
    """
    low_mm, high_mm = box_mm
    rows_mm = np.arange(high_mm[Z], low_mm[Z], -PIXEL_MM)
    columns_mm = np.arange(low_mm[view.across], high_mm[view.across], PIXEL_MM)
    centers = np.array(list(centers_mm.values()) or [(low_mm + high_mm) / 2])
    centers = centers[np.argsort(centers[:, Z])]
    points = np.empty((len(rows_mm), len(columns_mm), 3))
    points[..., Z] = rows_mm[:, None]
    points[..., view.across] = columns_mm
    points[..., view.along] = np.interp(rows_mm, centers[:, Z], centers[:, view.along])[:, None]
    return points


def sample(image: sitk.Image, points_mm: np.ndarray, order: int) -> np.ndarray:
    """The image at world points, (rows, columns); beyond it the lowest value there is."""
    at_vox = geometry.to_vox(image, points_mm)[..., ::-1]
    array = sitk.GetArrayViewFromImage(image)
    outside = geometry.AIR_HU if order else 0
    return ndimage.map_coordinates(array, np.moveaxis(at_vox, -1, 0), order=order, cval=outside)


def _mark(pane: Any, centers_mm: Mapping[int, np.ndarray], view: View) -> None:
    for label, center_mm in centers_mm.items():
        at = (center_mm[view.across], center_mm[Z])
        pane.plot(*at, "o", color=labels.color(label), markeredgecolor="black", markersize=4)
        pane.annotate(
            labels.NAMES[label],
            at,
            xytext=(6, 0),
            textcoords="offset points",
            color="white",
            fontsize=7,
            va="center",
        )
