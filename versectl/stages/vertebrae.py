"""Stage 2: where each vertebra is and which one (Payer et al. 2020, section 2.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.config import StageConfig
from versectl.geometry import Grid
from versectl.stages import heatmap, numbering, ribs, spacing, tiling
from versectl.stages.labelling import Candidate
from versectl.stages.numbering import Reading
from versectl.stages.tiling import Seen
from versectl.types import Model, Vertebra, Vertebrae

#: chosen: voxels to every side of a peak over which its names' heatmaps are averaged. One, 4 mm,
#: stays clear of neighbours, in the neck 16 mm away (statistics of 193 VerSe volumes) or less.
READ_VOX = 1

#: chosen: maxima of a single name's heatmap count from here.
FAINT = 0.02

#: chosen: one look is enough if the numbering has this probability and every place with a response
#: of UNEXPLAINED lies within NEAR_MM of a vertebra.
CLEAR, UNEXPLAINED, NEAR_MM = 0.9, 0.1, 12.0

#: measured (docs/research-log.md): enlarged so many times, vertebrae of 0.6 to 0.75 of an adult's
#: size are found and named as an adult's are. chosen: larger persons are none of these; adults'
#: sizes vary by 0.064 (stages/spacing.py).
ENLARGED, LARGEST_SMALL = 1.6, 0.85

#: chosen: tiles of short scans are that long or a multiple, so that networks see few shapes, and at
#: least twice that long.
TILE_UNIT_VOX = 32


def frame(center_mm: np.ndarray, length_mm: float, config: StageConfig) -> Grid:
    """The grid round a centre: the box's width, and as long as the scan but at least the box."""
    x, y, z = config.size_vox
    step = config.network.divisor
    length_vox = int(np.ceil((length_mm / config.spacing_mm + 1) / step)) * step
    return Grid.centered(center_mm, (x, y, max(z, length_vox)), (config.spacing_mm,) * 3)


def box(ct: sitk.Image, grid: Grid, config: StageConfig) -> np.ndarray:
    """Network input: the scan on the grid, (z, y, x, 1)."""
    return geometry.network_input(ct, grid, config.smoothing_mm)[..., None]


def target(centers_mm: Mapping[int, np.ndarray], grid: Grid, config: StageConfig) -> np.ndarray:
    """Network target, (z, y, x, outputs): a Gaussian round every vertebra, a voxel per patch."""
    coarse = grid.coarsened(config.network.patch_vox)
    answer = np.zeros((*coarse.shape, config.network.outputs), np.float32)
    for label, center_mm in centers_mm.items():
        channel = labels.CHANNELS.index(label)
        if grid.contains(center_mm) and channel < config.network.outputs:
            answer[..., channel] = heatmap.gaussian(center_mm, config.sigma_mm, coarse)
    return answer


def predict(ct: sitk.Image, center_mm: np.ndarray, model: Model) -> Vertebrae:
    """The vertebrae of a scan from head to foot, given the centre of its spine.

    The scan is looked at once; again, in the mirror and by more tiles, where that leaves its levels
    undecided; and enlarged, where they stay so, for a child's vertebrae are much smaller.
    """
    search = _Search(ct, center_mm, model)
    seen = search.look()
    places = search.places(seen)
    read = search.read(places)
    if model.config.looks_again and not is_clear(read, places):
        read = search.read_again(seen)
        if _probability(read) < CLEAR:
            read = _small(ct, center_mm, model, _probability(read)) or read
    return _named(read)


def _small(ct: sitk.Image, center_mm: np.ndarray, model: Model, usual: float) -> Reading | None:
    """What a scan shows as one of a small person; None where that is not clear.

    usual : probability of its numbering as one of an adult; a lower one needs no second look.
    """
    search = _Search(ct, center_mm, model, ENLARGED)
    seen = search.look()
    read = search.read(search.places(seen))
    if usual < _probability(read) < CLEAR:
        read = search.read_again(seen)
    if read is None or read.numbering.probability < CLEAR:
        return None
    places = {
        label: replace(place, center_mm=place.center_mm / ENLARGED)
        for label, place in read.places.items()
    }
    size = spacing.size_of({label: place.center_mm for label, place in places.items()})
    return replace(read, places=places) if size < LARGEST_SMALL else None


def _probability(read: Reading | None) -> float:
    return 0.0 if read is None else read.numbering.probability


class _Search:
    """One search through a scan, and the candidates it gives.

    center_mm : of the spine. enlarged : how many times; places are then so many times as far from
    one another, and from the world's origin, as in the scan.
    """

    def __init__(
        self, ct: sitk.Image, center_mm: np.ndarray, model: Model, enlarged: float = 1.0
    ) -> None:
        self.ct, self.center_mm, self.model, self.enlarged = ct, center_mm, model, enlarged
        low_mm, high_mm = geometry.extent(ct)
        self.lowest_mm, length_mm = float(low_mm[2]), high_mm[2] - low_mm[2]
        self.config = config = fitted(model.config.scaled(1 / enlarged), length_mm)
        middle_mm = np.array([*center_mm[:2], (low_mm[2] + high_mm[2]) / 2])
        self.corridor = frame(middle_mm, length_mm, self.config)
        self._shown = cache(lambda tile: box(ct, tile, config))

    def look(self) -> list[Seen]:
        """What tiles along the spine show."""
        return tiling.follow(self.corridor, self.center_mm, self._straight, self.config)

    def read_again(self, seen: Sequence[Seen]) -> Reading | None:
        """What the tiles say with all that they show in the mirror, and others between them."""
        patch_vox = self.config.network.patch_vox
        tiles = [each.grid.refined(patch_vox) for each in seen]
        between = tiling.between(tiles, patch_vox)
        mirrored = map(self._mirrored, [*tiles, *between])
        return self.read(self.places([*seen, *map(self._straight, between), *mirrored]))

    def places(self, seen: Sequence[Seen]) -> list[Candidate]:
        """The candidates within the scan that tiles show."""
        heat, grid = tiling.merged(seen)
        return [
            replace(found, center_mm=self.enlarged * found.center_mm)
            for found in candidates(heat, grid, self.config.threshold)
            if geometry.contains(self.ct, found.center_mm)
        ]

    def read(self, places: Sequence[Candidate]) -> Reading | None:
        """What candidates say of the levels; of an enlarged scan without the first rib."""
        lowest_mm = self.enlarged * self.lowest_mm
        if self.enlarged != 1.0:
            return numbering.read(places, lowest_mm)
        return numbering.read(places, lowest_mm, partial(ribs.first_rib_mm, self.ct))

    def _straight(self, tile: Grid) -> Seen:
        coarse = tile.coarsened(self.config.network.patch_vox)
        return Seen(respond(self._shown(tile), self.model), coarse)

    def _mirrored(self, tile: Grid) -> Seen:
        coarse = tile.coarsened(self.config.network.patch_vox)
        return Seen(respond_mirrored(self._shown(tile), self.model), coarse)


def fitted(config: StageConfig, length_mm: float) -> StageConfig:
    """The configuration with tiles that are no longer than a scan of that length needs."""
    x, y, most = config.size_vox
    unit = max(TILE_UNIT_VOX, config.network.divisor)
    needed = int(np.ceil((length_mm / config.spacing_mm + 1) / unit)) * unit
    return replace(config, size_vox=(x, y, min(most, max(needed, 2 * unit))))


def is_clear(read: Reading | None, places: Sequence[Candidate]) -> bool:
    """Whether places leave no doubt which vertebrae a scan shows."""
    if read is None or read.numbering.probability < CLEAR:
        return False
    named_mm = np.array([place.center_mm for place in read.places.values()])
    return all(
        np.linalg.norm(named_mm - place.center_mm, axis=1).min() < NEAR_MM
        for place in places
        if place.response >= UNEXPLAINED
    )


def respond(tile: np.ndarray, model: Model) -> np.ndarray:
    """Heatmaps of a tile."""
    return np.exp(model.answer(tile))


def respond_mirrored(tile: np.ndarray, model: Model) -> np.ndarray:
    """Heatmaps of a tile's mirror image, turned back."""
    return respond(np.ascontiguousarray(tile[:, :, ::-1]), model)[:, :, ::-1]


def candidates(heat: np.ndarray, grid: Grid, threshold: float) -> list[Candidate]:
    """Places where a vertebra may be, each with its response under every name.

    The names' heatmaps of one place sum to the response for any vertebra there, which must exceed
    the threshold; it is shared among the names by their means round the place. The places are the
    maxima of every heatmap (section 2.2) and of their sum: where neighbours run into one ridge,
    each name still has its own top.
    """
    anywhere = heat.sum(axis=-1)
    found = []
    for response in (anywhere, *np.moveaxis(heat, -1, 0)):
        for zyx in heatmap.peaks(np.where(anywhere > threshold, response, 0.0), FAINT):
            near = heat[tuple(slice(max(i - READ_VOX, 0), i + READ_VOX + 1) for i in zyx)]
            means = near.mean(axis=(0, 1, 2))
            there = float(anywhere[tuple(zyx)])
            responses = (there * means / means.sum()).tolist()
            center_mm = grid.to_mm(heatmap.refine(response, zyx)[::-1])
            named = dict(zip(labels.CHANNELS, responses, strict=True))
            found.append(Candidate(center_mm, there, named))
    return found


def _named(read: Reading | None) -> Vertebrae:
    if read is None:
        return Vertebrae({})
    named = {
        label: Vertebra(place.center_mm, place.responses[label], read.confidence[label])
        for label, place in read.places.items()
    }
    return Vertebrae(named, read.numbering)
