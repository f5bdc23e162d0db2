"""Bone: cortex, marrow and the cartilage round them."""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from versectl.synth.drawing.texture import Sampling, blur, field
from versectl.synth.drawing.tissue import HOUNSFIELD

#: Kinds that are drawn as bone.
BONES = ("vertebra", "bone")

#: chosen: masks drawn by people reach a little beyond the bone. Bone fades in where so much of the
#: surroundings, a Gaussian of this width, belongs to the mask; a half does at its edge. How far
#: they reach is a habit that no CT shows and no network can learn, so it differs but little.
RIM_MM, RIM_BEGINS, RIM_WIDTH = 0.9, (0.5, 0.7), 0.25

#: chosen: share of scans with ligaments and cartilage between bone and fat or air: a Gaussian of
#: this width reaches so far from the bone; their HU, and what they replace is darker than this.
HALO, HALO_MM, HALO_REACH, HALO_HU, HALO_BELOW_HU = 0.6, (0.5, 2.0), 0.15, (20, 140), 150

#: chosen: mean HU of marrow, and in osteoporosis, which this share of scans has: as dark as muscle,
#: or fat; standard deviation between bones.
MARROW_HU, OSTEOPOROTIC, OSTEOPOROTIC_HU, BONE_SD_HU = (80, 380), 0.3, (-60, 90), 20

#: chosen: widths of grains of marrow in mm, and most that each differ, in HU.
GRAINS = (((0.6, 2.0), 90), ((3, 12), 60), ((15, 40), 100))

#: chosen: HU of cortex, at least so much more than marrow; its thickness (thinner, nothing is left
#: of it in coarse voxels), and how suddenly it ends below.
CORTEX_HU, CORTEX_ABOVE_HU, CORTEX_MM, CORTEX_ENDS = (350, 1300), 150, (0.7, 2.0), (1.0, 3.0)

#: chosen: marrow of slender parts, such as processes, is darker than a body's, by up to so much.
#: Slender is where a Gaussian of this width, at its highest so near, is hardly filled with bone.
DARKER_HU, SLENDER_MM = 200.0, 5.0

#: chosen: cortex is thick in one place and hardly there in the next, in grains of this width. Its
#: share varies by up to so much (one standard deviation, beside its mean).
UNEVEN, UNEVEN_MM = 1.0, (4.0, 15.0)

#: chosen: share of scans with sclerosis, how much brighter it is at most, and its width. Worn
#: joints and end plates are as bright as cortex deep below the surface, darker bone outside.
SCLEROTIC, SCLEROSIS_HU, SCLEROSIS_MM = 0.5, 600.0, (4.0, 12.0)

#: chosen: the noise that sclerosis exceeds.
SCLEROSIS_EXCEEDS = (0.3, 1.5)


def add(
    hounsfield: np.ndarray,
    structures: np.ndarray,
    kinds: Mapping[int, str],
    sampling: Sampling,
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
    inside = blur(bone.astype(np.float32), RIM_MM / spacing_mm)
    bone_share = np.clip((inside - rng.uniform(*RIM_BEGINS)) / RIM_WIDTH, 0, 1)

    if rng.random() < HALO:
        halo = blur(bone.astype(np.float32), rng.uniform(*HALO_MM) / spacing_mm) > HALO_REACH
        hounsfield[halo & ~bone & (hounsfield < HALO_BELOW_HU)] = rng.uniform(*HALO_HU)

    interior = _interior_hu(rng)
    trabecular = _trabecular(structures, bone, interior, sampling)
    shown = np.where(bone & (bone_share > 0.5), structures, 0)  # the cortex is where bone begins
    cortex_share = _cortex_share(shown, sampling)
    cortex = max(rng.uniform(*CORTEX_HU), interior + CORTEX_ABOVE_HU)
    drawn = trabecular + cortex_share * (cortex - trabecular)
    hounsfield[bone] += (bone_share * (drawn - hounsfield))[bone]


def _interior_hu(rng: np.random.Generator) -> float:
    """Mean HU of marrow."""
    return rng.uniform(*(OSTEOPOROTIC_HU if rng.random() < OSTEOPOROTIC else MARROW_HU))


def _trabecular(
    structures: np.ndarray, bone: np.ndarray, interior: float, sampling: Sampling
) -> np.ndarray:
    """HU of trabecular bone (z, y, x): grains, slender parts darker, sclerosis in some scans."""
    spacing_mm, rng = sampling
    means = (interior + rng.normal(0, BONE_SD_HU, 256)).astype(np.float32)
    trabecular = means[structures]
    grains = [(rng.uniform(*width_mm), most_hu) for width_mm, most_hu in GRAINS]
    for width_mm, most_hu in grains:
        trabecular += rng.uniform(0, most_hu) * field(structures.shape, width_mm, sampling)
    trabecular -= rng.uniform(0, DARKER_HU) * _slender(bone, spacing_mm)
    np.maximum(trabecular, HOUNSFIELD["fat"][0], out=trabecular)  # marrow is fat at the darkest
    if rng.random() < SCLEROTIC:
        patches = field(structures.shape, rng.uniform(*SCLEROSIS_MM), sampling)
        share = np.clip(patches - rng.uniform(*SCLEROSIS_EXCEEDS), 0, 1)
        trabecular += rng.uniform(0, SCLEROSIS_HU) * share
    return trabecular


def _cortex_share(shown: np.ndarray, sampling: Sampling) -> np.ndarray:
    """How much of a voxel is cortex, 0..1; shown : structures that are bone (z, y, x), else 0."""
    spacing_mm, rng = sampling
    core = ((shown > 0) & ~edge(shown)).astype(np.float32)
    thickness_mm = rng.uniform(*CORTEX_MM)
    depth = blur(core, thickness_mm / spacing_mm)  # 0 at the surface, 1 far below it
    share = np.clip(1.0 - depth, 0, 1) ** rng.uniform(*CORTEX_ENDS)
    share *= min(thickness_mm / spacing_mm.mean(), 1.0)  # thinner than a voxel
    varied = field(shown.shape, rng.uniform(*UNEVEN_MM), sampling)
    return np.clip(share * (1.0 + rng.uniform(0, UNEVEN) * varied), 0, 1)


def _slender(bone: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """How slender the bone round a voxel is: 0 in a lumbar body, 1 in a thin process."""
    filled = blur(bone.astype(np.float32), SLENDER_MM / spacing_mm)
    reach = 2 * np.rint(SLENDER_MM / spacing_mm[::-1]).astype(int) + 1
    return np.clip(2.0 * (0.9 - ndimage.maximum_filter(filled, tuple(reach))), 0, 1)


def edge(structures: np.ndarray) -> np.ndarray:
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
