"""A synthetic CT of a body: domain randomisation (SynthSeg: Billot et al. 2023).

Everything a CT shows is drawn at random within, and a little beyond, what is real: what each
structure looks like, the texture of bone, slices and kernel, noise, what the scan covers.
Ranges are chosen; their aim is variety, not likeness.
"""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from versectl import geometry, labels
from versectl.geometry import Grid
from versectl.synth.bodies.body import Body
from versectl.synth.drawing import distortion, implants
from versectl.synth.drawing.distortion import Ranges
from versectl.synth.subject import Scan, Subject

#: Kind -> range of its mean in HU, without contrast agent.
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

BONES = ("vertebra", "bone")

#: What slips along the spine, for it must not name a level: a kidney lies higher in one person than
#: in the next. Chosen: how far, one standard deviation.
SLIPPERY = ("tissue", "muscle", "fat", "organ", "vessel", "lung", "gas")
SLIP_SD_MM = 20.0

#: chosen: masks drawn by people reach a little beyond the bone. Bone fades in where so much of the
#: surroundings, a Gaussian of this width, belongs to the mask; a half does at its edge. How far
#: they reach is a habit that no CT shows and no network can learn, so it differs but little.
RIM_MM, RIM_BEGINS, RIM_WIDTH = 0.9, (0.5, 0.7), 0.25

#: chosen: a vertebra whose area on the border is larger, beside its volume to the 2/3, is not
#: whole. Cut processes are smaller than that, a cut body is not.
MOST_CUT = 0.4

#: chosen: marrow of slender parts, such as processes, is darker than a body's, by up to so much.
#: Slender is where a Gaussian of this width, at its highest so near, is hardly filled with bone.
DARKER_HU, SLENDER_MM = 200.0, 5.0

#: chosen: cortex is thick in one place and hardly there in the next, in grains of this width. Its
#: share varies by up to so much (one standard deviation, beside its mean).
UNEVEN, UNEVEN_MM = 1.0, (4.0, 15.0)

#: chosen: share of scans with sclerosis, how much brighter it is at most, and its width. Worn
#: joints and end plates are as bright as cortex deep below the surface, darker bone outside.
SCLEROTIC, SCLEROSIS_HU, SCLEROSIS_MM = 0.5, 600.0, (4.0, 12.0)

#: chosen: array axes across which slices are thick: axial, or sagittal as spines are often kept.
SLICED = (0, 0, 0, 1, 2, 2, 2)

#: chosen: share of scans with rings round the scanner's axis.
RINGS = 0.05

#: chosen: share of scans with contrast agent in the canal, its HU, and the Gaussian by which the
#: cord in its middle stays dark.
MYELOGRAPHIC, MYELOGRAPHIC_HU, CORD_MM = 0.2, (150, 1200), 3.0

#: chosen: it is heavier than what it is mixed with, so half of these scans have two layers, one of
#: them as deep as this at most. Nearly all lie on their back.
LAYERED, LAYER_MM, PRONE = 0.5, 12.0, 0.2

#: chosen: share of scans with a kernel for lungs: edges far too bright beside dark ones, and noise.
LUNG_KERNEL, LUNG_EDGES, LUNG_NOISE = 0.1, (1.5, 3.0), (1.5, 3.0)

#: chosen: share of scans with discs as bright as bone: calcified, or vertebrae grown together.
FUSED = 0.04


def subject(body: Body, ranges: Ranges, weight: float = 1.0) -> Subject:
    """A body as somebody to make scans of."""
    return Subject(
        np.array(body.grid.origin_mm),
        body.grid.last_mm,
        body.centroids_mm,
        lambda grid, rng: scan(body, grid, rng, ranges),
        weight,
    )


def scan(body: Body, grid: Grid, rng: np.random.Generator, ranges: Ranges) -> Scan:
    """A CT of a body on a grid, the body distorted round the grid's middle.

    A vertebra that the grid's border cuts is in the label map but has no centroid.
    """
    warp = distortion.sample(rng, grid, ranges)
    structures = _slipped(body, distortion.sources_mm(warp, grid), rng.normal(0, SLIP_SD_MM))
    if body.grid.spacing_mm[0] >= grid.spacing_mm[0]:
        structures = _rounded(structures, body.kinds)
    hounsfield = draw(structures, body.kinds, np.array(grid.spacing_mm), rng)
    is_vertebra = np.isin(structures, list(labels.NAMES))
    label_map = np.where(is_vertebra, structures, 0).astype(np.uint8)
    whole_mm, cut_mm = _shown(body.centroids_mm, warp, label_map, grid)
    return Scan(
        geometry.from_array(np.rint(hounsfield).astype(np.int16), grid),
        geometry.from_array(label_map, grid),
        whole_mm,
        cut_mm=cut_mm,
    )


def draw(
    structures: np.ndarray,
    kinds: Mapping[int, str],
    spacing_mm: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Hounsfield units (z, y, x) of structures (z, y, x): what is there, then how it is seen."""
    hounsfield = _soft(structures, kinds, spacing_mm, rng)
    if rng.random() < MYELOGRAPHIC:
        _fill_canal(hounsfield, structures, kinds, (spacing_mm, rng))
    _add_bone(hounsfield, structures, kinds, (spacing_mm, rng))
    implants.add(hounsfield, np.isin(structures, list(labels.NAMES)), spacing_mm, rng)
    return _acquire(hounsfield, spacing_mm, rng)


def _slipped(body: Body, where_mm: np.ndarray, by_mm: float) -> np.ndarray:
    """The structures at world points (3, z, y, x), what is slippery so far above where it was."""
    here = _look_up(body, where_mm)
    there = _look_up(body, where_mm - np.array([0, 0, by_mm], np.float32)[:, None, None, None])
    is_slippery = np.zeros(256, bool)
    is_slippery[[number for number, kind in body.kinds.items() if kind in SLIPPERY]] = True
    return np.where(is_slippery[here] & is_slippery[there], there, here)


def _look_up(body: Body, where_mm: np.ndarray) -> np.ndarray:
    """The structure at world points (3, z, y, x); 0 beyond the body's grid."""
    index = np.zeros(where_mm.shape[1:], np.int32)
    inside = np.ones(where_mm.shape[1:], bool)
    sizes = body.grid.size_vox
    for axis in (2, 1, 0):  # index = (z * size_y + y) * size_x + x
        at = np.rint((where_mm[axis] - body.grid.origin_mm[axis]) / body.grid.spacing_mm[axis])
        inside &= (at >= 0) & (at < sizes[axis])
        index = index * sizes[axis] + np.clip(at, 0, sizes[axis] - 1).astype(np.int32)
    return np.where(inside, body.structures.ravel()[index], 0)


def _rounded(structures: np.ndarray, kinds: Mapping[int, str]) -> np.ndarray:
    """Structures whose vertebrae lost the staircase of a coarser grid.

    A vertebra trades corners with the softer structure that surrounds most of it.
    """
    rounded = structures.copy()
    hard = [number for number, kind in kinds.items() if kind in BONES]
    for label, where in enumerate(ndimage.find_objects(structures, max_label=28), start=1):
        if where is None or kinds.get(label) != "vertebra":
            continue
        around = tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in where)
        mask = (structures[around] == label).astype(np.float32)
        smooth = ndimage.gaussian_filter(mask, 0.8, truncate=2) > 0.5
        counts = np.bincount(structures[around].ravel(), minlength=256)
        counts[hard] = 0
        soft = counts.argmax()
        part = rounded[around]
        part[(part == label) & ~smooth] = soft
        part[smooth & (structures[around] == soft)] = label
    return rounded


def _shown(
    centroids_mm: Mapping[int, np.ndarray], warp: distortion.Warp, label_map: np.ndarray, grid: Grid
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """Centroids on the grid, in the distorted space: of vertebrae whose bulk is on it, and others.

    The others are cut.
    """
    if not centroids_mm:
        return {}, {}
    moved = distortion.distorted_mm(warp, np.array(list(centroids_mm.values())))
    counts = np.bincount(label_map.ravel(), minlength=256)
    on_border = sum(
        np.bincount(label_map.take(at, axis).ravel(), minlength=256)
        for axis in range(3)
        for at in (0, -1)
    )
    is_whole = on_border <= MOST_CUT * counts ** (2 / 3)
    whole_mm: dict[int, np.ndarray] = {}
    cut_mm: dict[int, np.ndarray] = {}
    for label, center_mm in zip(centroids_mm, moved, strict=True):
        if counts[label] and grid.contains(center_mm):
            (whole_mm if is_whole[label] else cut_mm)[label] = center_mm
    return whole_mm, cut_mm


def _soft(
    structures: np.ndarray,
    kinds: Mapping[int, str],
    spacing_mm: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Everything but bone."""
    shown = {
        **kinds,
        **{n: rng.choice(["tissue", "air"]) for n, k in kinds.items() if k == "beyond"},
    }
    means = np.zeros(256, np.float32)
    contrast_hu = rng.uniform(80, 350) if rng.random() < 0.4 else 0.0
    for number, kind in shown.items():
        low, high = HOUNSFIELD.get(kind, (20, 70))
        means[number] = rng.uniform(low, high)
        if kind == "vessel":
            means[number] += contrast_hu * rng.uniform(0.5, 1.0)
        if kind == "organ" and rng.random() < 0.15:
            means[number] = rng.uniform(*HOUNSFIELD["gas"])  # a hollow one
    fused = [n for n, k in shown.items() if k == "disc"] if rng.random() < FUSED else []
    means[fused] = rng.uniform(150, 500)
    hounsfield = means[structures]

    is_tissue = np.zeros(256, bool)
    is_tissue[[n for n, k in shown.items() if k in ("tissue", "muscle")]] = True
    tissue = is_tissue[structures]
    blobs = _field(structures.shape, rng.uniform(3, 25) / spacing_mm, rng)
    fat = tissue & (blobs > rng.uniform(-0.8, 2.0))
    hounsfield[fat] = rng.uniform(*HOUNSFIELD["fat"])
    hounsfield += rng.uniform(0, 15) * _field(
        structures.shape, rng.uniform(2, 10) / spacing_mm, rng
    )
    if rng.random() < 0.3:  # calcifications, contrast-filled bowel, implants: bright, not bone
        spots = _field(structures.shape, rng.uniform(3, 8) / spacing_mm, rng)
        hounsfield[tissue & (spots > rng.uniform(2.2, 3.0))] = rng.uniform(150, 900)
    return hounsfield


def _fill_canal(
    hounsfield: np.ndarray,
    structures: np.ndarray,
    kinds: Mapping[int, str],
    sampling: tuple[np.ndarray, np.random.Generator],
) -> None:
    """Draw contrast agent round the cord, or in place of it, in place."""
    spacing_mm, rng = sampling
    canal = np.isin(structures, [n for n, k in kinds.items() if k == "canal"])
    depth = _blur(canal.astype(np.float32), CORD_MM / spacing_mm)
    filled = canal & (depth < rng.choice([0.75, 1.1]))
    thinner_hu, denser_hu = np.sort(rng.uniform(*MYELOGRAPHIC_HU, 2))
    hounsfield[filled] = denser_hu
    if rng.random() < LAYERED:
        layer_vox = int(rng.uniform(1, LAYER_MM) / spacing_mm[1])
        downhill = -1 if rng.random() < PRONE else 1
        above = filled & ~np.roll(canal, downhill * layer_vox, axis=1)  # y runs to the back
        hounsfield[above] = thinner_hu


def _add_bone(
    hounsfield: np.ndarray,
    structures: np.ndarray,
    kinds: Mapping[int, str],
    sampling: tuple[np.ndarray, np.random.Generator],
) -> None:
    """Draw cortex, trabecular bone and cartilage into the soft parts, in place."""
    spacing_mm, rng = sampling
    is_bone = np.zeros(256, bool)
    is_bone[[n for n, k in kinds.items() if k in BONES]] = True
    bone = is_bone[structures]
    where = ndimage.find_objects(bone.astype(np.uint8))
    if not where:
        return
    around = tuple(slice(max(s.start - 4, 0), s.stop + 4) for s in where[0])
    structures, bone, hounsfield = structures[around], bone[around], hounsfield[around]
    inside = _blur(bone.astype(np.float32), RIM_MM / spacing_mm)
    bone_share = np.clip((inside - rng.uniform(*RIM_BEGINS)) / RIM_WIDTH, 0, 1)

    if rng.random() < 0.6:  # ligaments and cartilage between bone and fat or air
        halo = _blur(bone.astype(np.float32), rng.uniform(0.5, 2.0) / spacing_mm) > 0.15
        hounsfield[halo & ~bone & (hounsfield < 150)] = rng.uniform(20, 140)

    interior = _interior_hu(rng)
    trabecular = _trabecular(structures, bone, interior, sampling)
    shown = np.where(bone & (bone_share > 0.5), structures, 0)  # the cortex is where bone begins
    cortex_share = _cortex_share(shown, sampling)
    cortex = max(rng.uniform(350, 1300), interior + 150)
    drawn = trabecular + cortex_share * (cortex - trabecular)
    hounsfield[bone] += (bone_share * (drawn - hounsfield))[bone]


def _interior_hu(rng: np.random.Generator) -> float:
    """Mean HU of marrow: in osteoporosis as dark as muscle, or fat."""
    sparse = rng.random() < 0.3
    return rng.uniform(-60, 90) if sparse else rng.uniform(80, 380)


def _trabecular(
    structures: np.ndarray,
    bone: np.ndarray,
    interior: float,
    sampling: tuple[np.ndarray, np.random.Generator],
) -> np.ndarray:
    """HU of trabecular bone (z, y, x): grains, slender parts darker, sclerosis in some scans."""
    spacing_mm, rng = sampling
    means = (interior + rng.normal(0, 20, 256)).astype(np.float32)
    trabecular = means[structures]
    grains_mm = (rng.uniform(0.6, 2.0), rng.uniform(3, 12), rng.uniform(15, 40))
    for width_mm, most in zip(grains_mm, (90, 60, 100), strict=True):
        size = width_mm / spacing_mm
        trabecular += rng.uniform(0, most) * _field(structures.shape, size, rng)
    trabecular -= rng.uniform(0, DARKER_HU) * _slender(bone, spacing_mm)
    np.maximum(trabecular, HOUNSFIELD["fat"][0], out=trabecular)  # marrow is fat at the darkest
    if rng.random() < SCLEROTIC:
        patches = _field(structures.shape, rng.uniform(*SCLEROSIS_MM) / spacing_mm, rng)
        share = np.clip(patches - rng.uniform(0.3, 1.5), 0, 1)
        trabecular += rng.uniform(0, SCLEROSIS_HU) * share
    return trabecular


def _cortex_share(
    shown: np.ndarray, sampling: tuple[np.ndarray, np.random.Generator]
) -> np.ndarray:
    """How much of a voxel is cortex, 0..1; shown : structures that are bone (z, y, x), else 0."""
    spacing_mm, rng = sampling
    core = ((shown > 0) & ~_edge(shown)).astype(np.float32)
    thickness_mm = rng.uniform(0.7, 2.0)  # thinner, nothing is left of it in coarse voxels
    depth = _blur(core, thickness_mm / spacing_mm)  # 0 at the surface, 1 far below it
    share = np.clip(1.0 - depth, 0, 1) ** rng.uniform(1.0, 3.0)
    share *= min(thickness_mm / spacing_mm.mean(), 1.0)  # thinner than a voxel
    varied = _field(shown.shape, rng.uniform(*UNEVEN_MM) / spacing_mm, rng)
    return np.clip(share * (1.0 + rng.uniform(0, UNEVEN) * varied), 0, 1)


def _slender(bone: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """How slender the bone round a voxel is: 0 in a lumbar body, 1 in a thin process."""
    filled = _blur(bone.astype(np.float32), SLENDER_MM / spacing_mm)
    reach = 2 * np.rint(SLENDER_MM / spacing_mm[::-1]).astype(int) + 1
    return np.clip(2.0 * (0.9 - ndimage.maximum_filter(filled, tuple(reach))), 0, 1)


def _edge(structures: np.ndarray) -> np.ndarray:
    """Voxels that have a neighbour of another structure."""
    edge = np.zeros(structures.shape, bool)
    for axis in range(3):
        differs = np.diff(structures, axis=axis) != 0
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        edge[tuple(low)] |= differs
        edge[tuple(high)] |= differs
    return edge


def _acquire(
    hounsfield: np.ndarray, spacing_mm: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """What a scanner makes of it: blur, kernel, noise, slices, shading."""
    voxel_mm = rng.uniform(0.3, 0.7) * spacing_mm  # a voxel shows the mean of what is around it
    seen = _blur(hounsfield, np.hypot(rng.uniform(0.3, 1.0), voxel_mm) / spacing_mm)
    if rng.random() < 0.3:  # sharp kernel
        seen += rng.uniform(0.2, 1.0) * (seen - _blur(seen, 1.0 / spacing_mm))
    noisier = 1.0
    grain = rng.standard_normal(seen.shape, dtype=np.float32)
    if rng.random() < LUNG_KERNEL:
        seen = seen + rng.uniform(*LUNG_EDGES) * (seen - _blur(seen, 0.8 / spacing_mm))
        noisier = rng.uniform(*LUNG_NOISE)
    else:
        grain = _blur(grain, rng.uniform(0.0, 0.8, 3))
    axis = rng.choice(SLICED)
    thickness_mm = np.exp(rng.uniform(np.log(0.7), np.log(5.0)))
    slices = _slices(seen.shape[axis], thickness_mm / spacing_mm[2 - axis], rng.random())
    sliced = np.stack([seen, grain])
    sliced = np.moveaxis(np.tensordot(slices, sliced, axes=(1, axis + 1)), 0, axis + 1)
    seen, grain = sliced
    sigma_hu = noisier * np.exp(rng.uniform(np.log(3), np.log(70)))
    seen = seen + grain * np.float32(sigma_hu / max(grain.std(), 1e-3))
    if rng.random() < RINGS:
        seen = seen + _rings(seen.shape[1:], spacing_mm, rng)
    shade = _field(seen.shape, rng.uniform(40, 120) / spacing_mm, rng)
    seen = (seen + 1000) * (1 + rng.uniform(0, 0.03) * shade) - 1000 + rng.uniform(-15, 15)
    return np.clip(seen, -1024, 3071)


def _rings(shape: tuple[int, int], spacing_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a detector that is off adds to every slice (y, x): rings round the scanner's axis."""
    axis_mm = rng.normal(0, 60, 2)  # from the middle
    y, x = (
        (np.arange(n) - n / 2) * s - a
        for n, s, a in zip(shape, spacing_mm[1::-1], axis_mm, strict=True)
    )
    radius_mm = np.hypot(y[:, None], x)
    per_mm = rng.normal(0, rng.uniform(5, 40), int(radius_mm.max()) + 2)
    return np.interp(radius_mm, np.arange(len(per_mm)), per_mm).astype(np.float32)


def _slices(size: int, thickness_vox: float, offset: float) -> np.ndarray:
    """Matrix (size, size) that averages over slices of a thickness and interpolates between."""
    if thickness_vox <= 1:
        return np.eye(size, dtype=np.float32)
    centers = np.arange(-offset * thickness_vox, size + thickness_vox, thickness_vox)
    at = np.arange(size)
    profile = np.exp(-0.5 * ((at - centers[:, None]) / (0.4 * thickness_vox)) ** 2)
    profile /= np.maximum(profile.sum(axis=1, keepdims=True), 1e-6)
    hat = np.maximum(1 - np.abs(at[:, None] - centers) / thickness_vox, 0)
    matrix = hat @ profile
    return (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)


def _field(
    shape: tuple[int, int, int], width_vox_xyz: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Smooth noise of mean 0 and SD 1 whose grains are about that wide; float32 (z, y, x)."""
    width = np.maximum(np.asarray(width_vox_xyz)[::-1], 1.0)
    coarse = [max(int(np.ceil(n / w)) + 3, 4) for n, w in zip(shape, width, strict=True)]
    noise = rng.standard_normal(coarse, dtype=np.float32)
    for axis, (n, w, size) in enumerate(zip(shape, width, coarse, strict=True)):
        at = np.arange(n) / w + rng.random()
        low = np.minimum(at.astype(int), size - 2)
        share = at - low
        share = share * share * (3 - 2 * share)  # smooth steps leave no creases
        matrix = np.zeros((n, size), np.float32)
        matrix[np.arange(n), low] = 1 - share
        matrix[np.arange(n), low + 1] = share
        noise = np.moveaxis(np.tensordot(matrix, noise, axes=(1, axis)), 0, axis)
    return noise / max(float(noise.std()), 1e-6)


def _blur(image: np.ndarray, sigma_vox_xyz: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(image, np.asarray(sigma_vox_xyz)[::-1], truncate=2.5)
