"""Where the parts of a picture stand, in pixels from its upper left corner.

title
levels
             sagittal     coronal               bones
            A        P   R       L            R       L
names       +--------+   +-------+   names    +-------+
of the      |        |   |       |   of the   |       |
left pane   +--------+   +-------+   others   +-------+
            -- 50 mm     what the marks mean
sentences
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from scipy.optimize import isotonic_regression

from versectl.report.preview.words import Line, Words

#: The font that comes with matplotlib, whatever a user has set.
FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"

#: chosen: a power of two, so that inches hold whole pixels.
DPI = 128

#: Sizes of letters and lines.
TITLE_PX, TEXT_PX, NAME_PX = 18, 14, 13
TITLE_LINE_PX, LINE_PX, NAME_LINE_PX = 26, 20, 16

#: chosen: the most pixels the panes take, and per millimetre, so that short scans are not huge.
WIDEST_PX, TALLEST_PX, MOST_PX_PER_MM = 1300, 1250, 4.0

#: Narrower, sentences would be broken too often.
NARROWEST_PX = 860

#: Around everything, between panes, for a column of names, and for the heading of a narrow pane.
EDGE_PX, GAP_PX, NAMES_PX, HEADING_PX = 14, 12, 120, 120

#: Length of the bar that shows the scale.
BAR_MM, BAR_PX = 50.0, 4

#: For what stands beside the bar, and between two meanings of marks.
BAR_TEXT_PX, APART_PX = 84, 28


class Rectangle(NamedTuple):
    """Left, top, width and height."""

    x: int
    y: int
    width: int
    height: int


class Placed(NamedTuple):
    """A line of text, its left end, and its middle's height."""

    line: Line
    x: int
    y: int
    size_px: int = TEXT_PX


@dataclass(frozen=True)
class Page:
    """A picture's plan.

    bar : of 50 mm. texts : title, levels, what marks mean, sentences.
    """

    width: int
    height: int
    px_per_mm: float
    sagittal: Rectangle
    coronal: Rectangle
    bones: Rectangle
    bar: Rectangle
    texts: tuple[Placed, ...]


def page(size_mm: np.ndarray, words: Words) -> Page:
    """The plan for a box of this size (x, y, z) and these words."""
    wide_mm, deep_mm, tall_mm = size_mm
    across_mm = max(deep_mm + 2 * wide_mm, 1.0)
    scale = min(WIDEST_PX / across_mm, TALLEST_PX / max(tall_mm, 1.0), MOST_PX_PER_MM)
    deep, wide, tall = (max(1, round(part * scale)) for part in (deep_mm, wide_mm, tall_mm))
    places, content = _side_by_side(deep, wide)
    width = max(content, NARROWEST_PX) + 2 * EDGE_PX
    left = (width - content) // 2
    head = list(_stacked(_head(words, width), EDGE_PX))
    top = head[-1].y + 3 * LINE_PX
    sagittal, coronal, bones = (Rectangle(left + x, top, pane, tall) for x, pane in places)
    bottom = top + max(tall, NAME_LINE_PX * len(words.names))
    bar = Rectangle(sagittal.x, bottom + LINE_PX, round(BAR_MM * scale), BAR_PX)
    legend = list(_legend(words.legend, bar, width))
    last = legend[-1].y if legend else bar.y
    foot = list(_stacked(_foot(words, width), last + LINE_PX))
    height = (foot[-1].y if foot else last) + LINE_PX
    texts = (*head, *legend, *foot)
    return Page(width, height, scale, sagittal, coronal, bones, bar, texts)


def spread(wanted_px: Sequence[float], gap_px: float, low_px: float, high_px: float) -> np.ndarray:
    """Heights of names as near as can be to those wanted, top to bottom, none over another."""
    if not len(wanted_px):
        return np.empty(0)
    steps = gap_px * np.arange(len(wanted_px))
    fitted = isotonic_regression(np.asarray(wanted_px) - steps).x
    return np.clip(fitted, low_px, max(low_px, high_px - steps[-1])) + steps


def in_order(at_px: Mapping[int, tuple[float, float]]) -> list[int]:
    """Labels from top to bottom of a pane."""
    return sorted(at_px, key=lambda label: at_px[label][1])


def printable(text: str) -> str:
    """The text with a question mark for each letter that the font lacks."""
    return "".join(each if _font().get_char_index(ord(each)) else "?" for each in text)


def width_px(text: str, size_px: int) -> float:
    """How wide a text is."""
    font = _font()
    font.set_size(size_px, 72)
    font.set_text(text)
    return font.get_width_height()[0] / 64


def wrapped(text: str, size_px: int, width: float) -> list[str]:
    """The text in lines that are no wider, broken between words; a longer word stays whole."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_px(longer, size_px) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _side_by_side(deep: int, wide: int) -> tuple[list[tuple[int, int]], int]:
    """Left end and width of the panes, and of all with their names; a narrow one has more room."""
    left, places = NAMES_PX, []
    for width, beyond in ((deep, GAP_PX), (wide, NAMES_PX), (wide, 0)):
        room = max(width, HEADING_PX)
        places.append((left + (room - width) // 2, width))
        left += room + beyond
    return places, left


def _legend(legend: Sequence[Line], bar: Rectangle, width: int) -> Iterator[Placed]:
    """What the marks mean, beside the bar; what does not fit there, below."""
    x, y = bar.x + bar.width + BAR_TEXT_PX, bar.y + bar.height // 2
    for line in legend:
        long = round(width_px(line.text, TEXT_PX))
        if x + long > width - EDGE_PX:
            x, y = EDGE_PX, y + LINE_PX
        yield Placed(line, x, y)
        x += long + APART_PX


def _head(words: Words, width: int) -> Iterator[tuple[Line, int]]:
    """Lines above the panes, and their size."""
    for text in wrapped(printable(words.title), TITLE_PX, width - 2 * EDGE_PX):
        yield Line(text), TITLE_PX
    for text in wrapped(words.levels.text, TEXT_PX, width - 2 * EDGE_PX):
        yield Line(text, words.levels.color), TEXT_PX


def _foot(words: Words, width: int) -> Iterator[tuple[Line, int]]:
    """Lines below the panes, and their size."""
    for line in words.sentences:
        for text in wrapped(printable(line.text), TEXT_PX, width - 2 * EDGE_PX):
            yield Line(text, line.color), TEXT_PX


def _stacked(lines: Iterator[tuple[Line, int]], top: int) -> Iterator[Placed]:
    """Lines one below the other."""
    for line, size_px in lines:
        step = TITLE_LINE_PX if size_px == TITLE_PX else LINE_PX
        yield Placed(line, EDGE_PX, top + step // 2, size_px)
        top += step


def _font() -> FT2Font:
    """The font of this thread: it holds the text that it measures, so two must not share it."""
    return _font_of(threading.get_ident())


@cache
def _font_of(_thread: int) -> FT2Font:
    return FT2Font(str(FONT))
