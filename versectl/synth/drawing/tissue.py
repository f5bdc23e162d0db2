"""Everything but bone: organs, vessels, muscle with its fat, and contrast agent round the cord."""

from collections.abc import Mapping

import numpy as np

from versectl.synth.drawing.texture import Sampling, blur, field

#: chosen: kind -> range of its mean in HU, without contrast agent; of all other kinds.
HOUNSFIELD = {
    "air": (-1024, -980),
    "tissue": (20, 70),
    "cartilage": (30, 160),
    "disc": (40, 130),
    "canal": (0, 50),
    "brain": (0, 50),
    "muscle": (20, 80),
    "fat": (-130, -60),
    "organ": (10, 130),
    "vessel": (20, 70),
    "lung": (-950, -650),
    "gas": (-1020, -850),
    "table": (-700, 200),
    "clothing": (-900, -400),
}
OTHER_HU = (20, 70)

#: chosen: share of scans with contrast agent in vessels, how much brighter these are, and the share
#: of it that one of them shows.
CONTRAST, CONTRAST_HU, CONTRAST_SHARE = 0.4, (80, 350), (0.5, 1.0)

#: chosen: share of organs that are hollow and full of gas.
HOLLOW = 0.15

#: chosen: share of scans with discs as bright as bone: calcified, or vertebrae grown together.
FUSED, FUSED_HU = 0.04, (150, 500)

#: chosen: fat in muscle: width of its patches, and the noise that they exceed.
FAT_MM, FAT_EXCEEDS = (3, 25), (-0.8, 2.0)

#: chosen: standard deviation in HU, and width, of what differs within all tissue.
MOTTLE_HU, MOTTLE_MM = (0, 15), (2, 10)

#: chosen: share of scans with spots that are bright but no bone: calcifications, contrast-filled
#: bowel, implants; their width, the noise that they exceed, and their HU.
SPOTTED, SPOT_MM, SPOT_EXCEEDS, SPOT_HU = 0.3, (3, 8), (2.2, 3.0), (150, 900)

#: chosen: share of scans with contrast agent in the canal, its HU, and the Gaussian by which the
#: cord in its middle stays dark: where less of it is canal than the first of these; of none, the
#: second.
MYELOGRAPHIC, MYELOGRAPHIC_HU, CORD_MM, CORD = 0.2, (150, 1200), 3.0, (0.75, 1.1)

#: chosen: it is heavier than what it is mixed with, so half of these scans have two layers, one of
#: them as deep as this at most. Nearly all lie on their back.
LAYERED, LAYER_MM, PRONE = 0.5, 12.0, 0.2


def draw(structures: np.ndarray, kinds: Mapping[int, str], sampling: Sampling) -> np.ndarray:
    """HU (z, y, x) of everything but bone, which is drawn over it."""
    _, rng = sampling
    shown = {
        **kinds,
        **{n: rng.choice(["tissue", "air"]) for n, k in kinds.items() if k == "beyond"},
    }
    hounsfield = _means(shown, rng)[structures]
    is_tissue = np.zeros(256, bool)
    is_tissue[[n for n, k in shown.items() if k in ("tissue", "muscle")]] = True
    tissue, shape = is_tissue[structures], structures.shape
    fat = tissue & (field(shape, rng.uniform(*FAT_MM), sampling) > rng.uniform(*FAT_EXCEEDS))
    hounsfield[fat] = rng.uniform(*HOUNSFIELD["fat"])
    hounsfield += rng.uniform(*MOTTLE_HU) * field(shape, rng.uniform(*MOTTLE_MM), sampling)
    if rng.random() < SPOTTED:
        spots = field(shape, rng.uniform(*SPOT_MM), sampling)
        hounsfield[tissue & (spots > rng.uniform(*SPOT_EXCEEDS))] = rng.uniform(*SPOT_HU)
    if rng.random() < MYELOGRAPHIC:
        fill_canal(hounsfield, structures, kinds, sampling)
    return hounsfield


def _means(kinds: Mapping[int, str], rng: np.random.Generator) -> np.ndarray:
    """Mean HU (256,) of every structure."""
    means = np.zeros(256, np.float32)
    contrast_hu = rng.uniform(*CONTRAST_HU) if rng.random() < CONTRAST else 0.0
    for number, kind in kinds.items():
        means[number] = rng.uniform(*HOUNSFIELD.get(kind, OTHER_HU))
        if kind == "vessel":
            means[number] += contrast_hu * rng.uniform(*CONTRAST_SHARE)
        if kind == "organ" and rng.random() < HOLLOW:
            means[number] = rng.uniform(*HOUNSFIELD["gas"])
    fused = [n for n, k in kinds.items() if k == "disc"] if rng.random() < FUSED else []
    means[fused] = rng.uniform(*FUSED_HU)
    return means


def fill_canal(
    hounsfield: np.ndarray,
    structures: np.ndarray,
    kinds: Mapping[int, str],
    sampling: Sampling,
) -> None:
    """Draw contrast agent round the cord, or in place of it, in place."""
    spacing_mm, rng = sampling
    canal = np.isin(structures, [n for n, k in kinds.items() if k == "canal"])
    depth = blur(canal.astype(np.float32), CORD_MM / spacing_mm)
    filled = canal & (depth < rng.choice(CORD))
    thinner_hu, denser_hu = np.sort(rng.uniform(*MYELOGRAPHIC_HU, 2))
    hounsfield[filled] = denser_hu
    if rng.random() < LAYERED:
        layer_vox = int(rng.uniform(1, LAYER_MM) / spacing_mm[1])
        downhill = -1 if rng.random() < PRONE else 1
        above = filled & ~np.roll(canal, downhill * layer_vox, axis=1)  # y runs to the back
        hounsfield[above] = thinner_hu
