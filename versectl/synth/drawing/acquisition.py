"""What a scanner makes of a body: blur, kernel, noise, slices, rings, shading."""

import numpy as np

from versectl.synth.drawing.texture import Sampling, blur, field

#: chosen: a voxel shows the mean of what is around it, a Gaussian of this share of its size; and
#: the scanner's own, in mm.
VOXEL_BLUR, SCANNER_BLUR_MM = (0.3, 0.7), (0.3, 1.0)

#: chosen: share of scans with a sharp kernel, how much brighter edges are than through a Gaussian
#: of this width.
SHARP_KERNEL, SHARP_EDGES, SHARP_MM = 0.3, (0.2, 1.0), 1.0

#: chosen: share of scans with a kernel for lungs: edges far too bright beside dark ones, and noise.
LUNG_KERNEL, LUNG_EDGES, LUNG_MM, LUNG_NOISE = 0.1, (1.5, 3.0), 0.8, (1.5, 3.0)

#: chosen: noise: width of its grain in voxels, standard deviation in HU (its logarithm is uniform).
GRAIN_VOX, NOISE_HU = (0.0, 0.8), (3, 70)

#: chosen: array axes across which slices are thick: axial, or sagittal as spines are often kept.
SLICED = (0, 0, 0, 1, 2, 2, 2)

#: chosen: thickness of slices (its logarithm is uniform).
THICKNESS_MM = (0.7, 5.0)

#: chosen: share of scans with rings round the scanner's axis; standard deviation of its place in
#: the scan, and of the rings.
RINGS, RING_AXIS_MM, RING_HU = 0.05, 60, (5, 40)

#: chosen: how much brightness differs over a scan, over which distance; how far HU are off.
SHADE, SHADE_MM, OFFSET_HU = (0, 0.03), (40, 120), (-15, 15)

#: What 12 bits hold.
RANGE_HU = (-1024, 3071)


def acquire(hounsfield: np.ndarray, sampling: Sampling) -> np.ndarray:
    """HU (z, y, x) as a scanner shows them."""
    spacing_mm, rng = sampling
    voxel_mm = rng.uniform(*VOXEL_BLUR) * spacing_mm
    seen = blur(hounsfield, np.hypot(rng.uniform(*SCANNER_BLUR_MM), voxel_mm) / spacing_mm)
    if rng.random() < SHARP_KERNEL:
        seen += rng.uniform(*SHARP_EDGES) * (seen - blur(seen, SHARP_MM / spacing_mm))
    seen = _noisy(seen, sampling)
    if rng.random() < RINGS:
        seen = seen + _rings(seen.shape[1:], sampling)
    shade = field(seen.shape, rng.uniform(*SHADE_MM), sampling)
    seen = (seen + 1000) * (1 + rng.uniform(*SHADE) * shade) - 1000 + rng.uniform(*OFFSET_HU)
    return np.clip(seen, *RANGE_HU)


def _noisy(seen: np.ndarray, sampling: Sampling) -> np.ndarray:
    """The image with noise, both in slices of some thickness; through a kernel for lungs, too."""
    spacing_mm, rng = sampling
    noisier = 1.0
    grain = rng.standard_normal(seen.shape, dtype=np.float32)
    if rng.random() < LUNG_KERNEL:
        seen = seen + rng.uniform(*LUNG_EDGES) * (seen - blur(seen, LUNG_MM / spacing_mm))
        noisier = rng.uniform(*LUNG_NOISE)
    else:
        grain = blur(grain, rng.uniform(*GRAIN_VOX, 3))
    axis = rng.choice(SLICED)
    thickness_mm = _log_uniform(*THICKNESS_MM, rng)
    slices = _slices(seen.shape[axis], thickness_mm / spacing_mm[2 - axis], rng.random())
    sliced = np.stack([seen, grain])
    seen, grain = np.moveaxis(np.tensordot(slices, sliced, axes=(1, axis + 1)), 0, axis + 1)
    sigma_hu = noisier * _log_uniform(*NOISE_HU, rng)
    return seen + grain * np.float32(sigma_hu / max(grain.std(), 1e-3))


def _log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    return np.exp(rng.uniform(np.log(low), np.log(high)))


def _rings(shape: tuple[int, ...], sampling: Sampling) -> np.ndarray:
    """What a detector that is off adds to every slice (y, x): rings round the scanner's axis."""
    spacing_mm, rng = sampling
    axis_mm = rng.normal(0, RING_AXIS_MM, 2)  # from the middle
    y, x = (
        (np.arange(n) - n / 2) * s - a
        for n, s, a in zip(shape, spacing_mm[1::-1], axis_mm, strict=True)
    )
    radius_mm = np.hypot(y[:, None], x)
    per_mm = rng.normal(0, rng.uniform(*RING_HU), int(radius_mm.max()) + 2)
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
