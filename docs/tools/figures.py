"""Draws the figures of how-it-works.md, coordinates.md, measurements.md and files.md in docs.

python docs/tools/figures.py   draws a synthetic scan, runs the default networks, writes
docs/pictures/{spine,vertebrae,segmentation,coordinates,measurements,preview}.png.
python docs/tools/figures.py measurements   (or preview) that figure alone; it needs no network.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import expit

from versectl import geometry, labels
from versectl.networks.loading import Models
from versectl.report import preview, quality
from versectl.report.measurements import attenuation, bodies, masks, shape
from versectl.stages import segmentation, spine, vertebrae
from versectl.synth import dataset
from versectl.types import Numbering, OtherNumbering, Vertebra, Vertebrae

PICTURES = Path(__file__).parents[1] / "pictures"

#: chosen: a body and a piece of it that show T5 to L3.
SEED = (1000, 19)

#: Network input values shown black and white: -250 and 900 HU.
GREY = {"cmap": "gray", "vmin": -0.12, "vmax": 0.44, "origin": "lower"}

#: A colour per label for what one heatmap shows.
INK = "#334"


def main(only: str = "") -> None:
    """All figures, or one that needs no network."""
    if only != "measurements":
        draw_preview()
    if only == "preview":
        return
    rng = np.random.default_rng(SEED)
    scan = dataset.scan(dataset.parametric(rng), rng)
    draw_measurements(scan.ct, scan.labels, scan.centroids_mm)
    if only == "measurements":
        return
    models = Models(device="cpu", precision="float32")
    center_mm = draw_spine(scan.ct, models)
    draw_vertebrae(scan.ct, center_mm, models)
    draw_segmentation(scan.ct, scan.centroids_mm, models)
    draw_coordinates()


def draw_preview() -> None:
    """A preview with every mark: a scan's true masks, and invented doubts."""
    rng = np.random.default_rng(SEED)
    scan = dataset.scan(dataset.parametric(rng), rng)
    confidence = {labels.T12: 0.58}
    found = {
        label: Vertebra(np.asarray(at_mm), 0.9, confidence.get(label, 0.97))
        for label, at_mm in scan.centroids_mm.items()
    }
    lower = tuple(labels.ORDER[labels.ORDER.index(label) + 1] for label in found)
    vertebrae = Vertebrae(found, Numbering(0.58, OtherNumbering(lower, None, 0.37), ("last_rib",)))
    shown = preview.Shown("example", vertebrae, tuple(quality.of_vertebrae(vertebrae, scan.ct)))
    masks_found = geometry.keep_labels(scan.labels, found)
    preview.write(scan.ct, masks_found, shown, PICTURES / "preview.png")


def draw_spine(ct: sitk.Image, models: Models) -> NDArray[np.float64]:
    """Stage 1: the whole scan at 8 mm, the heatmap, its centre of mass; the centre (3,) in mm."""
    model = models.model("spine")
    grid = spine.frame(ct, model.config)
    seen = spine.box(ct, grid, model.config)[..., 0]
    found = spine.predict(ct, model)
    assert found.heatmap is not None
    heat = geometry.to_array(found.heatmap)
    y = int(np.rint(grid.to_vox(found.center_mm)[1]))
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow(seen[:, y], **GREY)
    right.imshow(seen[:, y], **GREY)
    right.imshow(heat[:, y], cmap="inferno", alpha=0.6, origin="lower", vmin=0, vmax=1)
    right.plot(*grid.to_vox(found.center_mm)[[0, 2]], "+", color="cyan", markersize=16)
    titled(left, "Input: the whole scan at 8 mm")
    titled(right, "Output: heatmap, centre of the spine (+)")
    save(figure, "spine")
    return found.center_mm


def draw_vertebrae(ct: sitk.Image, center_mm: NDArray[np.float64], models: Models) -> None:
    """Stage 2: a tile round the spine at 2 mm, a heatmap per label, the vertebrae found."""
    model = models.model("vertebrae")
    grid = vertebrae.frame(center_mm, 0.0, model.config)
    seen = vertebrae.box(ct, grid, model.config)
    heat = np.exp(model.answer(seen))
    found = vertebrae.predict(ct, center_mm, model)
    x = int(np.rint(grid.to_vox(center_mm)[0]))
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panes = figure.subplots(1, 3)
    for pane in panes:
        pane.imshow(seen[:, :, x, 0], **GREY)
    panes[1].imshow(colored(heat.max(axis=2)), origin="lower", extent=extent(seen), alpha=0.75)
    for label, vertebra in found.items():
        _, y, z = grid.to_vox(vertebra.center_mm)
        if 0 <= y < seen.shape[1] and 0 <= z < len(seen):
            panes[2].plot(y, z, "o", color=labels.color(label), markeredgecolor="black")
            panes[2].annotate(labels.NAMES[label], (y + 4, z), color="white", va="center")
    titled(panes[0], "Input: a tile round the spine at 2 mm")
    titled(panes[1], "Output: one heatmap per label, in its colour")
    titled(panes[2], "The best sequence of vertebrae")
    save(figure, "vertebrae")


def draw_segmentation(
    ct: sitk.Image, centers_mm: Mapping[int, NDArray[np.float64]], models: Models
) -> None:
    """Stage 3: a box round one vertebra at 1 mm, its pointer, its mask."""
    model = models.model("segmentation")
    label = sorted(centers_mm)[len(centers_mm) // 2]
    center_mm = np.asarray(centers_mm[label])
    grid = segmentation.frame(center_mm, model.config)
    seen = segmentation.box(ct, center_mm, grid, model.config)
    response = expit(model.answer(seen)[..., 0])
    x = int(np.rint(grid.to_vox(center_mm)[0]))
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    panes = figure.subplots(1, 3)
    for pane in panes:
        pane.imshow(seen[:, :, x, 0], **GREY)
    panes[1].imshow(seen[:, :, x, 1], cmap="inferno", alpha=0.6, origin="lower")
    mask = np.ma.masked_less(response[:, :, x], model.config.threshold)
    panes[2].imshow(mask, cmap="autumn", alpha=0.5, origin="lower", vmin=0, vmax=1)
    titled(panes[0], f"Input: a box round {labels.NAMES[label]} at 1 mm")
    titled(panes[1], "Second input: a Gaussian on its centre")
    titled(panes[2], "Output: its mask")
    save(figure, "segmentation")


def draw_coordinates() -> None:
    """LPS axes beside a patient, and a voxel's place in an array."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    world, voxels = figure.subplots(1, 2)
    for axes in (world, voxels):
        axes.set_aspect("equal")
        axes.set_axis_off()
    arrow(world, (0, 0), (3, 0), "x: to the patient's Left", "#c0392b")
    arrow(world, (0, 0), (1.5, 1.1), "y: to Posterior", "#27ae60")
    arrow(world, (0, 0), (0, 2.6), "z: to Superior", "#2962a8")
    world.plot(0, 0, "o", color=INK)
    world.text(-0.15, -0.35, "origin (0, 0, 0) mm", color=INK)
    world.set_xlim(-0.6, 4.6)
    world.set_ylim(-0.7, 3.2)
    titled(world, "World: millimetres, LPS, in the order x, y, z")
    grid_of_voxels(voxels)
    titled(voxels, 'An image with "direction": ["P", "I", "R"]')
    save(figure, "coordinates")


def draw_measurements(
    ct: sitk.Image, label_map: sitk.Image, centers_mm: Mapping[int, NDArray[np.float64]]
) -> None:
    """The body of L2, from the side and from above: what each measure means."""
    found = Vertebrae({n: Vertebra(centers_mm[n], 1.0) for n in labels.ORDER if n in centers_mm})
    label = labels.NUMBERS["L2"]
    part = bodies.of(found, masks.of(label_map, [*found]))[label]
    assert isinstance(part, bodies.Part)
    body, form = part.body, shape.form(part.body)
    seen = sitk.GetArrayFromImage(geometry.resample_to(ct, body.frame, sitk.sitkLinear, -1024.0))
    inner = attenuation.depth_mm(body) >= attenuation.MARGIN_MM
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    side, above = figure.subplots(1, 2)
    x, z = round(sum(form.x) / 2), round(sum(form.z) / 2)
    for pane, cut in ((side, np.s_[:, :, x]), (above, np.s_[z])):
        pane.imshow(seen[cut], cmap="gray", vmin=-250, vmax=900, origin="lower")
        pane.imshow(np.where(body.share[cut] >= 0.5, 0.0, np.nan), **tint("winter"))
        pane.imshow(np.where(body.solid[cut], 1.0, np.nan), **tint("autumn"))
        pane.contour(inner[cut], [0.5], colors="white", linewidths=1, linestyles="dotted")
    draw_side(side, form)
    draw_above(above, form)
    save(figure, "measurements")


def draw_side(pane: Axes, form: shape.Form) -> None:
    """Heights, endplates and depth on a slice from front (left) to back."""
    columns = slice(*(round(sum(form.x) / 2) + i for i in (-5, 6)))
    for place, share in shape.PLACES.items():
        y = form.y[0] + share * (form.y[1] - form.y[0])
        ends = [float(np.nanmean(one[round(y), columns])) for one in (form.lower, form.upper)]
        measure(pane, (y, ends[0]), (y, ends[1]))
        pane.text(y, ends[1] + 3, place, color="white", ha="center", fontsize=8)
    for which, surface, color in (("upper", form.upper, "cyan"), ("lower", form.lower, "cyan")):
        normal, _ = shape.plate(form, which)
        middle = (sum(form.y) / 2, float(np.nanmean(surface[:, columns])))
        ends = [middle[1] - normal[1] / normal[2] * (y - middle[0]) for y in form.y]
        pane.plot(form.y, ends, color=color, linewidth=1.5)
    measure(pane, (form.y[0], form.z[0] - 8), (form.y[1], form.z[0] - 8), "depth")
    titled(pane, "From the side, front on the left: heights, endplates (cyan), depth")


def draw_above(pane: Axes, form: shape.Form) -> None:
    """The width on a slice seen from above; the patient's left is on the right."""
    y = sum(form.y) / 2
    measure(pane, (form.x[0], y), (form.x[1], y), "width")
    titled(pane, "From above, front below: width; HU are taken within the dotted line")


def measure(
    pane: Axes, start: tuple[float, float], end: tuple[float, float], text: str = ""
) -> None:
    """A double arrow, its text in the middle."""
    arrows = {"arrowstyle": "<|-|>", "color": "white", "shrinkA": 0, "shrinkB": 0}
    pane.annotate("", end, start, arrowprops=arrows)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 4)
    pane.text(*middle, text, color="white", ha="center", fontsize=8)


def tint(cmap: str) -> dict[str, object]:
    """How a mask lies on a slice."""
    return {"cmap": cmap, "alpha": 0.35, "vmin": 0, "vmax": 2, "origin": "lower"}


def grid_of_voxels(axes: Axes) -> None:
    """A slice whose rows and columns run to I and P, one voxel marked."""
    for i in range(5):
        axes.plot([0, 4], [-i, -i], color="#bbc", linewidth=1)
        axes.plot([i, i], [0, -4], color="#bbc", linewidth=1)
    axes.fill_between([2, 3], -2, -1, color="#f0c040")
    arrow(axes, (0, 0.25), (3.6, 0.25), "first voxel axis (X): to Posterior", INK)
    arrow(axes, (-0.25, 0), (-0.25, -3.6), "second (Y):\nto Inferior", INK)
    axes.text(4.4, -1.1, "third (Z): to Right,\naway from you", color=INK)
    axes.text(4.4, -2.2, "this voxel, in slice k:", color=INK)
    axes.text(4.4, -2.6, "voxel X, Y, Z = (2, 1, k)", color=INK, family="monospace")
    axes.text(4.4, -3.0, "array[z, y, x] = array[k, 1, 2]", color=INK, family="monospace")
    axes.set_xlim(-2.5, 8.6)
    axes.set_ylim(-4.4, 1.0)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str, color: str
) -> None:
    """An arrow with a text at its end."""
    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2})
    down = end[1] < start[1]
    place = (end[0] - 2.3, end[1] + 1.2) if down else (end[0] + 0.1, end[1] + 0.1)
    axes.text(*place, text, color=color)


def colored(heat: NDArray[np.floating]) -> NDArray[np.float64]:
    """Heatmaps (rows, columns, labels) as one picture: each in the colour of its label."""
    picture = np.zeros((*heat.shape[:2], 3))
    for channel, label in enumerate(labels.CHANNELS[: heat.shape[-1]]):
        strength = np.clip(heat[..., channel] / max(float(heat.max()), 1e-6), 0, 1)
        picture += strength[..., None] * np.array(labels.color(label))
    return np.clip(picture, 0, 1)


def extent(seen: NDArray[np.floating]) -> tuple[float, float, float, float]:
    """Borders of a sagittal slice in voxels, for pictures of coarser arrays on top of it."""
    return -0.5, seen.shape[1] - 0.5, -0.5, seen.shape[0] - 0.5


def titled(axes: Axes, title: str) -> None:
    """A pane without ticks."""
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])


def save(figure: Figure, name: str) -> None:
    """Write a figure."""
    figure.savefig(PICTURES / f"{name}.png", dpi=110)


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["measurements"], ["preview"]):
        sys.exit(__doc__)
    main(*sys.argv[1:])
