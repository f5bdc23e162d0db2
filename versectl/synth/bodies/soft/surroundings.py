"""What lies round a body: clothes, and the table under it."""

import numpy as np
from scipy import ndimage

from versectl.synth.bodies.build import Build
from versectl.synth.bodies.posture import Spine
from versectl.synth.bodies.shapes import Canvas
from versectl.synth.bodies.soft.trunk import back_plane
from versectl.synth.bodies.structures import NUMBER

#: chosen: how far clothes stand off the skin, at most.
LOOSEST_MM = 8.0

#: chosen: how far the table lies below the skin of the back, how far its top is bent per square of
#: the distance from its middle, its thickness, that of its shells, and half its width, in mm.
BELOW_BACK_MM, BENT_PER_MM, THICK_MM, SHELL_MM = (1, 12), (0, 0.0012), (20, 60), 3
HALF_WIDTH_MM = (190, 260)


def paint_clothing(canvas: Canvas, rng: np.random.Generator) -> None:
    """A sheet over the skin, close or loose, from one height to another."""
    covered = canvas.structures > 0
    loose_vox = 1 + int(rng.uniform(0, LOOSEST_MM) / canvas.grid.spacing_mm[2])
    under = ndimage.binary_dilation(covered, iterations=loose_vox)
    sheet = ndimage.binary_dilation(under) & ~under
    ends = np.sort(rng.integers(0, len(sheet), 2))
    sheet[: ends[0]] = sheet[ends[1] :] = False
    canvas.structures[sheet] = NUMBER["clothing"]


def paint_table(canvas: Canvas, spine: Spine, build: Build, rng: np.random.Generator) -> None:
    """A curved couch under the back: two thin shells."""
    grid = canvas.grid
    x, y = (np.arange(grid.size_vox[k]) * grid.spacing_mm[k] + grid.origin_mm[k] for k in (0, 1))
    top = back_plane(spine, build) + rng.uniform(*BELOW_BACK_MM)
    curved = top - rng.uniform(*BENT_PER_MM) * (x - x.mean()) ** 2
    thick = rng.uniform(*THICK_MM)
    below = y[:, None] - curved[None]
    shell = ((below > 0) & (below < SHELL_MM)) | ((below > thick) & (below < thick + SHELL_MM))
    shell &= np.abs(x - x.mean())[None] < rng.uniform(*HALF_WIDTH_MM)
    canvas.structures[(canvas.structures == 0) & shell[None]] = NUMBER["table"]
