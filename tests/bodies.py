"""A small body for tests: five lopsided vertebrae in a column, a rib, air beyond."""

import numpy as np

from versectl.config import Ranges
from versectl.geometry import Grid
from versectl.synth.bodies.body import Body
from versectl.synth.drawing import ct

GRID = Grid((60, 70, 110), (2.0, 2.0, 2.0), (-51.0, -40.0, -30.0))

#: T11..L3, 30 mm apart, drifting to the left and back.
CENTERS_MM = {18 + i: np.array([4.0 + 2 * i, 20.0 + 3 * i, 150.0 - 30.0 * i]) for i in range(5)}

KINDS = {0: "air", 30: "bone", 31: "tissue", **{label: "vertebra" for label in CENTERS_MM}}


def body() -> Body:
    """The body: each vertebra a box with a long process behind it, to the right."""
    x, y, z = np.meshgrid(
        *(
            GRID.to_mm(np.arange(n)[:, None] * np.ones(3))[:, a]
            for a, n in enumerate(GRID.size_vox)
        ),
        indexing="ij",
    )
    structures = np.full(x.shape, 31, np.uint8)
    structures[(x - 0) ** 2 + (y - 25) ** 2 > 60**2] = 0
    structures[(abs(x + 35) < 4) & (abs(y - 20) < 25) & (abs(z - 60) < 60)] = 30
    for label, (cx, cy, cz) in CENTERS_MM.items():
        corpus = (abs(x - cx) < 18) & (abs(y - cy) < 13) & (abs(z - cz) < 11)
        process = (abs(x - cx + 5) < 4) & (abs(y - cy - 25) < 14) & (abs(z - cz + 4) < 5)
        structures[corpus | process] = label
    structures = np.ascontiguousarray(structures.transpose(2, 1, 0))
    return Body(structures, GRID, KINDS, CENTERS_MM)


def nobody_else():
    """The body above as the only subject to draw scans of."""
    return [ct.subject(body(), Ranges())]
