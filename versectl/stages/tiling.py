"""A long scan seen tile by tile along its spine, and the heatmaps of all tiles merged into one.

A bent spine leaves a search corridor as straight and narrow as a tile. So each tile lies where the
spine goes on from what the one before saw of it. For a closer look there are others between them.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from versectl.config import StageConfig
from versectl.geometry import Grid
from versectl.stages import heatmap

#: chosen: as far as a spine is taken to lean, mm to the side per mm of height: 45 degrees.
STEEPEST = 1.0


class Seen(NamedTuple):
    """Heatmaps (z, y, x, outputs) and the grid they lie on."""

    heat: np.ndarray
    grid: Grid


def starts(size_vox: int, tile_vox: int, step_vox: int) -> list[int]:
    """Where tiles begin: a step apart, the last one ending at the end."""
    last = size_vox - tile_vox
    return [*range(0, last, step_vox), last]


def follow(
    corridor: Grid, center_mm: np.ndarray, look: Callable[[Grid], Seen], config: StageConfig
) -> list[Seen]:
    """What tiles along a spine show, two steps of a tile apart.

    corridor : search corridor, a grid round the spine's centre: as wide as a tile, as long as the
        scan.
    center_mm : of the spine (3,); the tile nearest to it is the first, others follow up and down.
    look : what a tile's grid shows.
    """
    length_vox = config.size_vox[2]
    begins_vox = starts(corridor.size_vox[2], length_vox, 2 * config.tile_step_vox)
    heights_mm = [corridor.to_mm([0, 0, z + (length_vox - 1) / 2])[2] for z in begins_vox]
    first = int(np.argmin(np.abs(np.array(heights_mm) - center_mm[2])))

    def seen_at(point_mm: np.ndarray) -> Seen:
        return look(_tile(corridor, point_mm, config))

    start_mm = np.array([*center_mm[:2], heights_mm[first]])
    tiles = [seen_at(start_mm)]
    for way in (heights_mm[first + 1 :], heights_mm[:first][::-1]):
        last, at_mm = tiles[0], start_mm
        for height_mm in way:
            at_mm = onward_mm(last, at_mm, height_mm, config.threshold)
            last = seen_at(at_mm)
            tiles.append(last)
    return tiles


def between(tiles: Sequence[Grid], patch_vox: int) -> list[Grid]:
    """Tiles halfway between neighbours, from foot to head, on the same patches as those."""
    upwards = sorted(tiles, key=lambda tile: tile.origin_mm[2])
    halfway = []
    for lower, upper in pairwise(upwards):
        patches = np.rint(lower.to_vox(upper.origin_mm) / 2 / patch_vox)
        origin_mm = lower.to_mm(patches * patch_vox)
        halfway.append(Grid(lower.size_vox, lower.spacing_mm, tuple(origin_mm.tolist())))
    return halfway


def onward_mm(seen: Seen, at_mm: np.ndarray, height_mm: float, threshold: float) -> np.ndarray:
    """Where at a height the spine is (3,), straight on from what the tile at at_mm shows of it.

    The line goes through its middles in the tile's lower and upper half. Of a spine that is not to
    be seen in the half towards that height nothing is known: it stays beside at_mm.
    """
    anywhere = seen.heat.sum(axis=-1)
    half = len(anywhere) // 2
    low_mm, high_mm = (
        _middle_mm(anywhere, part, seen.grid, threshold)
        for part in (slice(half), slice(half, None))
    )
    far_mm, near_mm = (low_mm, high_mm) if height_mm > at_mm[2] else (high_mm, low_mm)
    if near_mm is None:
        return np.array([*at_mm[:2], height_mm])
    lean = np.zeros(2)
    if far_mm is not None:
        along_mm = near_mm - far_mm
        lean = np.clip(along_mm[:2] / along_mm[2], -STEEPEST, STEEPEST)
    return np.array([*(near_mm[:2] + lean * (height_mm - near_mm[2])), height_mm])


def merged(tiles: Sequence[Seen]) -> Seen:
    """All tiles on one grid that holds them, which lie on common voxels; 0 where no tile lies.

    The mean of the tiles, each counting less from its middle to its upper and lower end, beyond
    which it sees nothing. By their maximum, as published, a place would be what any tile took it
    for, and broader than any saw it.
    """
    lattice = tiles[0].grid
    first = [np.rint(lattice.to_vox(tile.grid.origin_mm)).astype(int) for tile in tiles]
    stop = [at + tile.grid.size_vox for at, tile in zip(first, tiles, strict=True)]
    low, high = np.min(first, axis=0), np.max(stop, axis=0)
    heat = np.zeros((*(high - low)[::-1], tiles[0].heat.shape[-1]), np.float32)
    weight = np.zeros((*heat.shape[:3], 1), np.float32)
    for start, end, tile in zip(first - low, stop - low, tiles, strict=True):
        part = tuple(slice(a, b) for a, b in zip(start[::-1], end[::-1], strict=True))
        counts = _counts(len(tile.heat))[:, None, None, None]
        heat[part] += counts * tile.heat
        weight[part] += counts
    np.divide(heat, weight, out=heat, where=weight > 0)
    size = tuple((high - low).tolist())
    return Seen(heat, Grid(size, lattice.spacing_mm, tuple(lattice.to_mm(low).tolist())))


def _counts(size_vox: int) -> np.ndarray:
    """How much a tile's slices (size_vox,) count, from hardly at the ends to 1 in the middle."""
    from_start = np.arange(1, size_vox + 1)
    return np.minimum(from_start, from_start[::-1]) / np.float32((size_vox + 1) // 2)


def _tile(corridor: Grid, point_mm: np.ndarray, config: StageConfig) -> Grid:
    """The tile round a point, moved by whole patches of the corridor."""
    patch = config.network.patch_vox
    start = corridor.to_vox(point_mm) - (np.array(config.size_vox) - 1) / 2
    origin_mm = corridor.to_mm(np.rint(start / patch) * patch)
    return Grid(config.size_vox, corridor.spacing_mm, tuple(origin_mm.tolist()))


def _middle_mm(
    anywhere: np.ndarray, part: slice, grid: Grid, threshold: float
) -> np.ndarray | None:
    """World centre (3,) of the spine in a part along z; None where it is not to be seen."""
    shown = np.zeros_like(anywhere)
    shown[part] = anywhere[part]
    return heatmap.center_of_mass(shown, grid) if shown.max() > threshold else None
