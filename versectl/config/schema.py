"""What can be set for each stage: its box, its network and its training."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from versectl.errors import WeightsError

STAGES = ("spine", "vertebrae", "segmentation")


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is built from; the defaults are ours, not the paper's.

    kind : "unet", one path down and up; or a U-Net times a spatial configuration: "scnet" in
        logarithms (ours), "scnet2019" and "scnet2020" as released for VerSe 2019 and 2020.
    inputs, outputs : channels at either end.
    filters : per level, finest first; every step down halves the grid.
    patch_vox : the network works on patches of this many voxels a side, whose voxels become
        channels. 2 makes it about eight times cheaper; 1 is the published form.
    spatial_filters : channels of the spatial configuration (scnets only).
    leak : slope of the ReLUs for negative values.
    dropout : rate after every convolution of a U-Net, when training.
    upsampling : "nearest" or "linear", in the U-Net.
    deepest_twice : the path up begins with convolutions at the deepest level.
    head_vox : side of the last convolutions' kernels.
    stem : a convolution before the U-Net ("scnet2019" only).
    border : what the cubic upsampling sees beyond the spatial configuration: "zero",
        "renormalised" (nothing: the weights inside count for all) or "edge".
    """

    kind: str
    inputs: int
    outputs: int
    filters: tuple[int, ...]
    patch_vox: int = 2
    spatial_filters: int = 0
    leak: float = 0.1  # as in the released VerSe 2020 weights
    dropout: float = 0.0
    upsampling: str = "nearest"
    deepest_twice: bool = False
    head_vox: int = 3
    stem: bool = False
    border: str = "renormalised"

    @property
    def divisor(self) -> int:
        """Grid sizes must be multiples of this."""
        halvings = 2 ** (len(self.filters) - 1)
        return self.patch_vox * {
            "scnet2019": max(halvings, SPATIAL_FACTOR),
            "scnet2020": halvings * SPATIAL_FACTOR,
        }.get(self.kind, halvings)


#: Voxels a side of the image per voxel of the published spatial configuration (released).
SPATIAL_FACTOR = 4


@dataclass(frozen=True)
class Ranges:
    """How far a distortion may go; each value is drawn uniformly within plus or minus.

    scale : of all axes together; axis_share : of each axis besides, as a share of it.
    bump_mm : of the control points of a smooth displacement, 6 along each axis.
    flips : half of the distortions mirror left and right.
    spread : the control points reach from end to end ("grid"), or one beyond either end, as those
        of an ITK B-spline of mesh size 3 ("mesh").
    shift_mm : along each axis.
    lean_deg : about the left axis, besides: as of backs that are bent and heads on a pillow.
    squeezed : share whose sagittal slices lie farther apart than their header says.
    tone_shift, tone_scale : of a recorded scan's HU / 2048, first added, then 1 + multiplied.
    """

    angle_deg: float = 15.0  # section 3.1: 0.25 rad
    scale: float = 0.2  # section 3.1: 0.15 per axis and again 0.15 for all
    bump_mm: float = 5.0  # chosen: bends, and keeps neighbours apart
    flips: bool = True  # a spine is named alike from either side
    axis_share: float = 0.5  # chosen
    spread: str = "grid"
    shift_mm: float = 0.0
    lean_deg: float = 0.0
    squeezed: float = 0.0
    tone_shift: float = 0.0
    tone_scale: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained; the defaults are ours.

    steps : batches of the whole training.
    clip_norm : the gradient's global norm; 0 does not clip.
    ema_share : the weights kept are moving averages over about this share of the steps; 0 keeps
        the last step's.
    repeats : how often a sample is shown, every second time mirrored.
    optimizer : "adam", or "nesterov", which has a momentum of 0.99.
    schedule : "cosine", after a warm-up; or "constant" between `boundaries`, after which
        `later_rates` follow.
    batch : samples in a step.
    l2 : weight of half the squared norm of all kernels in the loss.
    sigma_l2 : the same of the learned widths of a target's Gaussians.
    ranges : how far recorded CT is distorted.
    top_and_bottom_mm : this near to the scan's upper and lower end nothing counts (vertebrae):
        there may be vertebrae that are cut and not annotated.
    epsilon : of Adam.
    """

    steps: int
    learning_rate: float = 1e-3  # chosen
    clip_norm: float = 1.0  # chosen
    ema_share: float = 0.05  # chosen: evens out batches of one and the wavering of names
    repeats: int = 3  # chosen: making a sample costs about as much as a step
    optimizer: str = "adam"
    schedule: str = "cosine"
    boundaries: tuple[int, ...] = ()
    later_rates: tuple[float, ...] = ()
    batch: int = 1
    l2: float = 0.0
    sigma_l2: float = 0.0
    ranges: Ranges = Ranges()
    top_and_bottom_mm: float = 0.0
    epsilon: float = 1e-7


@dataclass(frozen=True)
class StageConfig:
    """What one stage sees and answers; sizes are x, y, z.

    size_vox, spacing_mm : the box the network is trained on.
    smoothing_mm : Gaussian before resampling, as anti-aliasing.
    sigma_mm : width of the Gaussians: in the target (spine, vertebrae) or input (segmentation).
    threshold : response from which something counts as found.
    protocol : how volumes are framed and answers are read: "default" is ours, "published" is the
        paper's; no commands run networks of "published2020".
    truncate_sigma : half the side of the box a Gaussian is cut to, in widths; 0 does not cut.
    blur_vox : Gaussian that smooths the target: all of it (spine), or every label's mask before
        the strongest counts (segmentation).
    tile_step_vox : from one tile to the next along z (vertebrae).
    padding : what a scan shorter than a tile is filled up with, HU / 2048 (vertebrae).
    posterior_mm : from a vertebral body's centre back to the middle of the box (segmentation).
    connectivity : voxels of a piece share a face (1), an edge (2) or a corner (3; segmentation).
    """

    stage: str
    size_vox: tuple[int, int, int]
    spacing_mm: float
    smoothing_mm: float
    sigma_mm: float
    threshold: float
    network: NetworkConfig
    training: TrainingConfig
    protocol: str = "default"
    truncate_sigma: float = 0.0
    blur_vox: float = 0.0
    tile_step_vox: int = 32  # section 3.1: tiles overlap by 96 voxels
    padding: float = -0.5  # air
    posterior_mm: float = 20.0  # released: the processes lie behind the body
    connectivity: int = 3


def to_json(config: StageConfig) -> dict[str, Any]:
    """The configuration as JSON content."""
    return asdict(config)


def from_json(content: dict[str, Any]) -> StageConfig:
    """A configuration from JSON content; WeightsError names a field that is wrong."""
    try:
        network = _build(NetworkConfig, content["network"])
        ranges = _build(Ranges, content["training"].get("ranges", {}))
        training = _build(TrainingConfig, {**content["training"], "ranges": ranges})
        return _build(StageConfig, {**content, "network": network, "training": training})
    except (KeyError, TypeError) as error:
        raise WeightsError(f"The weights' configuration does not fit: {error}.") from error


def _build(kind: type, content: dict[str, Any]) -> Any:
    """A dataclass from its fields; JSON's lists become tuples again."""
    unknown = set(content) - {field.name for field in fields(kind)}
    if unknown:
        raise TypeError(f"unknown field {sorted(unknown)[0]}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in content.items()})
