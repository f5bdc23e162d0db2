"""What is behind the vertebral body: pedicles, laminae, and the processes.

Coefficients of the formulas are chosen.
"""

import numpy as np

from versectl.labels import L5, NUMBERS, T11, T12, T13
from versectl.synth.bodies.shapes import Points, bar, ellipsoid, soft_union
from versectl.synth.bodies.vertebra.fit import Joint
from versectl.synth.bodies.vertebra.look import Look

C1, C2, C7, T1 = (NUMBERS[name] for name in ("C1", "C2", "C7", "T1"))

#: chosen: laminae by region: half thickness and half height of an average adult's, and how high
#: they lie.
LAMINA_MM = {
    "cervical": (2.7, 5.5, 0.0),
    "thoracic": (3.4, 9.0, -2.5),
    "lumbar": (3.8, 9.5, -6.0),
}

#: chosen: half widths and half heights of pedicles so many levels below T1.
PEDICLE_WIDTH_AT = (0, 3, 8, 11, 14, 16, 17)
PEDICLE_HALF_WIDTH_MM = (4.4, 3.0, 3.5, 4.5, 5.0, 6.5, 8.5)
PEDICLE_HEIGHT_AT, PEDICLE_HALF_HEIGHT_MM = (0, 4, 11, 17), (5.5, 6.2, 8.5, 7.5)

#: chosen: pedicles of the neck: so far beyond the canal, half width, height, half height.
NECK_PEDICLE_MM = (1.0, 2.7, 0.5, 3.6)

#: chosen: T13 has pedicles between those of T12 and L1.
T13_LIKE = 19.5

#: chosen: radius of the articular processes, and how high they begin.
ARTICULAR_MM = {"cervical": (4.8, 0.0), "thoracic": (4.0, 1.0), "lumbar": (5.2, 0.0)}

#: chosen: gap between an articular process and the middle of its joint.
ARTICULAR_GAP_MM = 0.2


def pedicles_and_laminae(look: Look, p: Points) -> np.ndarray:
    """Pedicles and laminae; x is mirrored."""
    pedicle = _pedicle(look)
    wide, deep = look.canal
    back = look.depth / 2 + deep
    half_thick, half_tall, level = LAMINA_MM[look.region]
    r, tall = half_thick * look.thickness, half_tall * look.thickness
    corner = (wide / 2 + 0.9 * r, back - 0.55 * deep, level + 1.5)
    middle = (0.0, back + 0.8 * r, level - 2.5)
    # The plates bulge round the canal: a straight one would be cut by it.
    knee = (0.27 * wide + 0.6 * r, back - 0.12 * deep + 0.55 * r, level - 0.5)
    upright = (1, 1, tall / r)
    lamina = np.minimum(
        bar(p, corner, knee, (r, r), upright), bar(p, knee, middle, (r, r), upright)
    )
    start = (pedicle[0], look.depth / 2 - 4, pedicle[2])
    end = (corner[0] + 0.3 * r, corner[1], pedicle[2] - 1.0)
    half_width = pedicle[1]
    link = bar(p, start, end, (half_width, half_width), (1, 1, pedicle[3] / half_width))
    return soft_union(lamina, link, 3.0)


def _pedicle(look: Look) -> tuple[float, float, float, float]:
    """Middle in x, half width, height z and half height of a pedicle."""
    k = look.thickness
    if look.region == "cervical":
        beyond, half_width, height, half_height = NECK_PEDICLE_MM
        return look.canal[0] / 2 + beyond, half_width * k, height, half_height * k
    along = (look.label if look.label != T13 else T13_LIKE) - T1
    half_width = np.interp(along, PEDICLE_WIDTH_AT, PEDICLE_HALF_WIDTH_MM)
    half_height = np.interp(along, PEDICLE_HEIGHT_AT, PEDICLE_HALF_HEIGHT_MM)
    middle = max(look.pedicle_span / 2, look.canal[0] / 2 + 0.6 * half_width * k)
    return middle, half_width * k, 0.2 * look.height, half_height * k


def spinous(look: Look, p: Points) -> np.ndarray:
    """The spinous process."""
    k = look.thickness
    back = look.depth / 2 + look.canal[1]
    tip = look.spine_tip
    if look.region == "cervical":
        base = (0.0, back + 2.5, -3.0)
        knob = (3.2 if look.label < C7 else 4.5) * k
        shaft = bar(p, base, tip, (3.0 * k, knob * 0.9), (1, 1, 1.5))
        fork = (0.0 if look.label >= C7 - 1 else 3.5 * k, tip[1] - 1.0, tip[2] - 1.0)
        return np.minimum(shaft, ellipsoid((np.abs(p[0]), p[1], p[2]), fork, (knob,) * 3))
    lumbar = np.interp(look.label if look.label != T13 else T12, (T11 - 2, T12 + 1), (0.0, 1.0))
    height = (2.0 + 1.2 * lumbar) * (0.85 if look.label >= L5 else 1.0)
    base = (0.0, back + 3.0, tip[2] * (0.30 + 0.4 * lumbar))
    inset = tip[1] - 4.0
    end = (tip[0], inset, tip[2] + (0.0 if lumbar < 0.5 else 1.5))
    return bar(p, base, end, (3.4 * k, (3.0 + 1.0 * lumbar) * k), (1, 1, height))


def wings(look: Look, p: Points) -> np.ndarray:
    """Transverse processes; x is mirrored."""
    k = look.thickness
    x, y, z = look.wing_tip
    if look.region == "cervical":
        front = bar(p, (look.width / 2 - 2, 0, 0), (x, y - 4, z - 2), (2.6 * k, 2.6 * k))
        rear = bar(p, (look.canal[0] / 2 + 6, 14, 0), (x, y, z - 1), (3.0 * k, 3.0 * k))
        return np.minimum(front, rear)
    root_y = look.depth / 2 + look.canal[1] * 0.5
    if look.region == "lumbar":
        root = (look.canal[0] / 2 + 5, root_y - 1, 3.0)
        thick = 1.5 if look.label >= L5 else 1.0
        return bar(p, root, (x, y, z), (4.2 * k * thick, 2.4 * k * thick), (1, 1, 1.7))
    root = (look.canal[0] / 2 + 3, root_y + 1, 2.5)
    knob = (5.0 if look.label < T11 else 3.8) * k
    return bar(p, root, (x - knob + 1, y - knob + 2, z), (4.7 * k, knob), (1, 1, 1.3))


def articular(look: Look, joint: Joint, p: Points, side: float) -> np.ndarray:
    """An articular process: side is -1 below its joint (upper process), 1 above it."""
    k = look.thickness
    sign = 1.0 if joint.center[0] > 0 else -1.0
    radius, level = ARTICULAR_MM[look.region]
    r = radius * k
    if (look.label in (C1, C2) and side < 0) or look.label == C1:
        return np.full(p[0].shape, 50, np.float32)  # lateral masses and shoulders carry these
    end = joint.center + side * joint.normal * (r + ARTICULAR_GAP_MM)
    level -= 2.0 * (side > 0)
    y = look.depth / 2 + look.canal[1] * (0.45 if side < 0 else 0.7)
    start = (sign * (look.canal[0] / 2 + 0.75 * r), y, level)
    return bar(p, start, end, (r * 0.95, r))
