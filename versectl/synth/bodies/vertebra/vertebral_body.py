"""The vertebral body: its sides, end plates, osteophytes and losses of height.

Coefficients of the formulas are chosen.
"""

import numpy as np

from versectl.labels import NUMBERS
from versectl.synth.bodies.shapes import Points, soft_union
from versectl.synth.bodies.vertebra import atlas_axis
from versectl.synth.bodies.vertebra.fit import Fit
from versectl.synth.bodies.vertebra.look import Look, Point

C2 = NUMBERS["C2"]

#: chosen: exponent of the outline seen from above: squarer than an ellipse, whose is 2.
OUTLINE = 2.4

#: chosen: how hollow the back of the body is where it faces the canal, as a share of its depth; how
#: high the rims beside cervical end plates stand, in mm.
HOLLOW_BACK, HOOK_MM = 0.07, 3.0

#: chosen: shares of what is lost of the height that the upper and the lower end plate give.
LOST_ABOVE, LOST_BELOW = 0.7, 0.3

#: chosen: over how many mm the edge between body and dens is filled.
DENS_FILL_MM = 3.0


def distance(look: Look, fit: Fit, p: Points) -> np.ndarray:
    """Distance of points from the body, in mm; with the dens in C2."""
    x, y, z = p
    half = np.float32((fit.above[0] - fit.below[0]) / 2)
    middle = np.float32((fit.above[0] + fit.below[0]) / 2)
    high = np.clip(np.abs(z - middle) / half, 0, 1.2)
    wide = 1 + look.waist * high * high + _lip(look, p) * high**8
    # The back of the body is flat or slightly hollow where it faces the canal.
    u, v = x / np.float32(look.width / 2), y / np.float32(look.depth / 2)
    v = np.where(v > 0, v + HOLLOW_BACK * (1 - np.minimum(u * u, 1)), v)
    radius = (np.abs(u) ** OUTLINE + np.abs(v) ** OUTLINE) ** np.float32(1 / OUTLINE) / wide
    side = (radius - 1) * np.float32(min(look.width, look.depth) / 2)
    top = _plate(look, fit.above, p, radius)
    bottom = _plate(look, fit.below, p, radius)
    lost = _lost(look, v, radius) * 2 * half
    hook = HOOK_MM * np.clip(np.abs(u), 0, 1) ** 4 if look.region == "cervical" else 0.0
    ends = np.maximum(z - top + LOST_ABOVE * lost - hook, bottom - z + LOST_BELOW * lost)
    body = np.maximum(side, ends)
    if look.label == C2:
        return soft_union(body, atlas_axis.dens_and_shoulders(look, fit, p), DENS_FILL_MM)
    return body


def _lip(look: Look, p: Points) -> np.ndarray:
    reach, towards = look.lip
    side = np.cos(np.arctan2(p[1], p[0]) - towards)
    return np.clip(side, 0, 1) * np.float32(2 * reach / look.width) + np.float32(0.03)


def _plate(look: Look, plane: Point, p: Points, radius: np.ndarray) -> np.ndarray:
    """Height of an end plate, slightly hollow in the middle."""
    height, slope_x, slope_y = plane
    hollow = look.concave * (1 - np.minimum(radius, 1) ** 2) * np.sign(height)
    return np.float32(height) + slope_x * p[0] + slope_y * p[1] - hollow


def _lost(look: Look, v: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Fraction of the height lost at a point of a wedged or collapsed body."""
    front, middle, back = look.crush
    along = np.clip((v + 1) / 2, 0, 1)
    dented = (middle - (front + back) / 2) * (1 - np.minimum(radius, 1) ** 2)
    return (front * (1 - along) + back * along + np.maximum(dented, 0)).astype(np.float32)
