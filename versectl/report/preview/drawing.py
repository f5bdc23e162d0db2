"""The picture itself: panes, names with their leader lines, marks and text on one page."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from versectl import labels
from versectl.report.preview import layout
from versectl.report.preview.layout import DPI, NAME_PX, TEXT_PX, Page, Rectangle
from versectl.report.preview.planes import Pane, Panes
from versectl.report.preview.words import Line, Mark, Words

#: Behind everything, and of what explains without being looked at.
PAPER, FAINT = "#000000", "#9a9a9a"

#: Lines from names to bones: thin, and the CT is seen below them.
LEADER = (0.9, 0.9, 0.9, 0.55)

#: chosen: between a name and its leader line, from there to the pane, and of a level's tick.
BESIDE_PX, GUTTER_PX, TICK_PX = 4, 18, 8


def save(page: Page, panes: Panes, words: Words, path: Path) -> None:
    """Write the picture as PNG."""
    figure = Figure(figsize=(page.width / DPI, page.height / DPI), dpi=DPI, facecolor=PAPER)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    _draw_panes(axes, page, panes, words)
    _draw_headings(axes, page)
    _draw_bar(axes, page)
    for line, x, y, size_px in page.texts:
        _write(axes, line, (x, y), size_px, "left")
    axes.set(xlim=(0, page.width), ylim=(page.height, 0))
    FigureCanvasAgg(figure).print_png(str(path))


def _draw_panes(axes: Axes, page: Page, panes: Panes, words: Words) -> None:
    """The pictures, with marks, and names beside the first two of them."""
    _draw_picture(axes, page.sagittal, panes.sagittal, "nearest")
    _draw_picture(axes, page.coronal, panes.coronal, "nearest")
    _draw_picture(axes, page.bones, panes.bones, "bilinear")
    for where, pane in zip((page.sagittal, page.coronal, page.bones), panes, strict=True):
        _draw_marks(axes, where, pane, words.marks)
    _draw_names(axes, page.sagittal, panes.sagittal, words.names, -1)
    _draw_names(axes, page.coronal, panes.coronal, words.names, 1)
    _draw_ticks(axes, page.bones, panes.bones)


def _draw_picture(axes: Axes, where: Rectangle, pane: Pane, interpolation: str) -> None:
    x, y, width, height = where
    corners = (x, x + width, y + height, y)
    axes.imshow(pane.picture, extent=corners, aspect="auto", interpolation=interpolation)


def _draw_marks(axes: Axes, where: Rectangle, pane: Pane, marks: Mapping[int, Mark]) -> None:
    """A point in every centre; where it is doubtful, its mark."""
    for label, (column, row) in pane.at_px.items():
        mark = marks.get(label)
        axes.plot(
            where.x + column,
            where.y + row,
            marker=mark.marker if mark else "o",
            color=mark.color if mark else labels.color(label),
            markeredgecolor="black",
            markeredgewidth=0.5,
            markersize=4 if mark else 2.5,
        )


def _draw_names(
    axes: Axes, where: Rectangle, pane: Pane, names: Mapping[int, Line], side: int
) -> None:
    """Names beside a pane, at its left (-1) or right (1), each with a line to its bone's edge."""
    ordered = layout.in_order(pane.at_px)
    rows = [pane.at_px[label][1] for label in ordered]
    low, gap = layout.NAME_LINE_PX / 2, layout.NAME_LINE_PX
    high = max(where.height, gap * len(ordered)) - low
    border = where.x if side < 0 else where.x + where.width
    for label, row, placed in zip(ordered, rows, layout.spread(rows, gap, low, high), strict=True):
        edge = where.x + pane.edges_px[label][0 if side < 0 else 1]
        start = border + side * GUTTER_PX
        columns, heights = (start, border, edge), (placed, row, row)
        axes.plot(columns, where.y + np.array(heights), color=LEADER, linewidth=0.5)
        at = (start + side * BESIDE_PX, where.y + placed)
        _write(axes, names[label], at, NAME_PX, "right" if side < 0 else "left")


def _draw_ticks(axes: Axes, where: Rectangle, pane: Pane) -> None:
    """The heights of the names at a pane's left."""
    for _, row in pane.at_px.values():
        columns = (where.x - TICK_PX, where.x + TICK_PX)
        axes.plot(columns, (where.y + row,) * 2, color=LEADER, linewidth=0.5)


def _draw_headings(axes: Axes, page: Page) -> None:
    """What each pane shows, and where its left and right lie in the patient."""
    headings = (
        (page.sagittal, "A", "sagittal", "P"),
        (page.coronal, "R", "coronal", "L"),
        (page.bones, "R", "bone, projected", "L"),
    )
    for (x, y, width, _), left, name, right in headings:
        height = y - layout.LINE_PX / 2
        above = (x + width / 2, height - layout.LINE_PX)
        _write(axes, Line(name, FAINT), above, TEXT_PX, "center")
        _write(axes, Line(left), (x, height), TEXT_PX, "left")
        _write(axes, Line(right), (x + width, height), TEXT_PX, "right")


def _draw_bar(axes: Axes, page: Page) -> None:
    """How long 50 mm are, in all panes."""
    x, y, width, height = page.bar
    axes.fill_between([x, x + width], y, y + height, color="white", linewidth=0)
    text = Line(f"{layout.BAR_MM:.0f} mm")
    _write(axes, text, (x + width + 2 * BESIDE_PX, y + height / 2), NAME_PX, "left")


def _write(axes: Axes, line: Line, at: tuple[float, float], size_px: int, align: str) -> None:
    font = FontProperties(fname=layout.FONT, size=size_px * 72 / DPI)
    axes.text(
        *at,
        line.text,
        color=line.color,
        fontproperties=font,
        horizontalalignment=align,
        verticalalignment="center_baseline",
        parse_math=False,
    )
