"""What can be set for each stage: its network input, its network and its training."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal, TypeVar

from versectl import labels
from versectl.errors import WeightsError, wrong_choice

Stage = Literal["spine", "vertebrae", "segmentation"]

STAGES: tuple[Stage, ...] = ("spine", "vertebrae", "segmentation")

#: What lies beyond the border of what is upsampled; see NetworkConfig.
Border = Literal["zero", "edge", "renormalised"]

#: Kinds of networks; see NetworkConfig.
Kind = Literal["unet", "scnet", "scnet2019", "scnet2020"]

#: Ways of framing a scan and of reading the answer; see StageConfig.
Protocol = Literal["default", "published", "published2020"]

#: Fields of a configuration that have a clearer name since: former name -> present name. Files of
#: weights keep the name they were written with.
FORMER_NAMES = {
    "squeezed": "wrong_slice_spacing",
    "tone_shift": "intensity_shift",
    "tone_scale": "intensity_scale",
}


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is built from; the defaults are ours, not the paper's.

    kind : "unet", a U-Net; or a U-Net multiplied by a spatial configuration: "scnet" works on
        logarithms (ours), "scnet2019" and "scnet2020" are those released for VerSe 2019 and 2020.
    inputs, outputs : channels of the input and of the answer.
    filters : channels per resolution level, finest first; each level halves the grid.
    patch_vox : side of the patches whose voxels become channels before the first convolution. 2
        makes the network about eight times cheaper; 1 is the published form.
    spatial_filters : channels of the spatial configuration (scnets only).
    leak : slope of the leaky ReLUs for negative values.
    dropout : rate after every convolution of a U-Net, in training.
    upsampling : "nearest" or "linear", within the U-Net.
    deepest_twice : the expanding path has convolutions at the deepest level, too.
    head_vox : side of the kernels of the last convolutions.
    stem : one convolution before the U-Net ("scnet2019" only).
    border : what the cubic upsampling assumes beyond the border of the spatial configuration:
        "zero", "edge" (the outermost voxel repeated), or "renormalised" (nothing: the weights of
        the voxels inside are scaled to sum to 1).
    """

    kind: Kind
    inputs: int
    outputs: int
    filters: tuple[int, ...]
    patch_vox: int = 2
    spatial_filters: int = 0
    leak: float = 0.1  # as in the released VerSe 2020 weights
    dropout: float = 0.0
    upsampling: Literal["nearest", "linear"] = "nearest"
    deepest_twice: bool = False
    head_vox: int = 3
    stem: bool = False
    border: Border = "renormalised"

    @property
    def divisor(self) -> int:
        """Each side of the network input must be a multiple of this."""
        halvings = 2 ** (len(self.filters) - 1)
        return self.patch_vox * {
            "scnet2019": max(halvings, SPATIAL_FACTOR),
            "scnet2020": halvings * SPATIAL_FACTOR,
        }.get(self.kind, halvings)


#: Voxels of the image along each side of a voxel of the published spatial configuration (released).
SPATIAL_FACTOR = 4


@dataclass(frozen=True)
class Ranges:
    """How far training distorts a scan; each value is drawn uniformly from minus to plus it.

    angle_deg : rotation about each axis.
    scale : of all axes together.
    bump_mm : displacement of the control points of a smooth deformation, 6 along each axis.
    flips : every second distortion mirrors left and right.
    axis_share : scaling of each axis by itself, as a share of `scale`.
    spread : where the control points lie: from the first voxel to the last ("grid"), or one beyond
        either end, as those of an ITK B-spline of mesh size 3 ("mesh").
    shift_mm : translation along each axis.
    lean_deg : further rotation about the left-right axis, as of a bent back or a head on a pillow.
    wrong_slice_spacing : share of scans whose sagittal slices lie farther apart than their header
        says.
    intensity_shift, intensity_scale : of the intensities of a real scan, HU / 2048: first the shift
        is added, then they are multiplied by 1 + the scale.
    """

    angle_deg: float = 15.0  # section 3.1: 0.25 rad
    scale: float = 0.2  # section 3.1: 0.15 per axis and again 0.15 for all
    bump_mm: float = 5.0  # chosen: bends, and keeps neighbours apart
    flips: bool = True  # a mirrored spine has the same labels
    axis_share: float = 0.5  # chosen
    spread: Literal["grid", "mesh"] = "grid"
    shift_mm: float = 0.0
    lean_deg: float = 0.0
    wrong_slice_spacing: float = 0.0
    intensity_shift: float = 0.0
    intensity_scale: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained; the defaults are ours.

    steps : number of optimiser steps of the whole training.
    learning_rate : of the optimiser, the highest one if it changes.
    clip_norm : largest global norm of the gradient; 0 does not clip.
    ema_share : the weights that are kept are moving averages over about this share of the steps; 0
        keeps those of the last step.
    repeats : how often a sample is used, every second time mirrored.
    optimizer : "adam", or "nesterov" (stochastic gradient descent with Nesterov momentum 0.99).
    schedule : of the learning rate: "cosine" after a warm-up, or "constant", changed at the steps
        in `boundaries` to the values in `later_rates`.
    batch : samples per step.
    l2 : weight of half the squared norm of all kernels in the loss.
    sigma_l2 : the same for the learned widths of the target's Gaussians; 0 does not learn them.
    ranges : how far real scans are distorted.
    top_and_bottom_mm : voxels this close to the scan's upper and lower end are left out of the loss
        (vertebrae): vertebrae cut by the end of the scan are not annotated.
    epsilon : of Adam.
    """

    steps: int
    learning_rate: float = 1e-3  # chosen
    clip_norm: float = 1.0  # chosen
    ema_share: float = 0.05  # chosen: evens out single-sample batches and wavering labels
    repeats: int = 3  # chosen: making a sample costs about as much as a step
    optimizer: Literal["adam", "nesterov"] = "adam"
    schedule: Literal["cosine", "constant"] = "cosine"
    boundaries: tuple[int, ...] = ()
    later_rates: tuple[float, ...] = ()
    batch: int = 1
    l2: float = 0.0
    sigma_l2: float = 0.0
    ranges: Ranges = Ranges()
    top_and_bottom_mm: float = 0.0
    epsilon: float = 1e-7


@dataclass(frozen=True)
class LevelBox:
    """A network input of another size than the one trained with, for vertebrae of some levels.

    first, last : labels, head to foot.
    """

    first: int
    last: int
    size_vox: tuple[int, int, int]
    spacing_mm: float

    def holds(self, label: int) -> bool:
        """Whether it is for vertebrae of that level."""
        first, level, last = map(labels.ORDER.index, (self.first, label, self.last))
        return first <= level <= last


@dataclass(frozen=True)
class StageConfig:
    """What the network of a stage is given and answers; sizes are x, y, z.

    size_vox, spacing_mm : of the network input in training.
    smoothing_mm : width of the Gaussian applied before resampling, against aliasing.
    sigma_mm : width of the Gaussians in the target (spine, vertebrae) or input (segmentation).
    threshold : response from which something counts as found.
    protocol : "default" is our way of framing a scan and of reading the answer, "published" the
        paper's; no command runs networks of "published2020".
    truncate_sigma : half the side, in widths, of the cube a Gaussian is cut to; 0 does not cut.
    blur_vox : width of the Gaussian that smooths the target: the whole heatmap (spine), or the mask
        of each label, of which the strongest then counts (segmentation).
    tile_step_vox : distance of neighbouring tiles along z (vertebrae).
    padding : value, HU / 2048, that a scan shorter than a tile is padded with (vertebrae).
    posterior_mm : how far the middle of the input lies behind the vertebral body's centre
        (segmentation).
    connectivity : voxels of one piece share a face (1), an edge (2) or a corner (3; segmentation).
    boxes : network inputs of other sizes than in training, by level; those of one level in the
        order in which they are tried (segmentation).
    looks_again : a scan whose levels are unclear at first is looked at again (vertebrae). A
        vertebra is looked at again, in the next box, when the first one shows nothing of it or cuts
        it at all; without, when it cuts much of it (segmentation).
    """

    stage: Stage
    size_vox: tuple[int, int, int]
    spacing_mm: float
    smoothing_mm: float
    sigma_mm: float
    threshold: float
    network: NetworkConfig
    training: TrainingConfig
    protocol: Protocol = "default"
    truncate_sigma: float = 0.0
    blur_vox: float = 0.0
    tile_step_vox: int = 32  # section 3.1: tiles overlap by 96 voxels
    padding: float = -0.5  # air
    posterior_mm: float = 20.0  # released: the processes lie behind the body
    connectivity: int = 3
    boxes: tuple[LevelBox, ...] = ()
    looks_again: bool = True

    def at(self, label: int) -> "StageConfig":
        """The same for a vertebra of that level: with the size and spacing of its first box."""
        return self.looks(label)[0]

    def looks(self, label: int) -> list["StageConfig"]:
        """The same with each box for a vertebra of that level, in turn; the trained one is last."""
        trained = replace(self, boxes=())
        boxes = [box for box in self.boxes if box.holds(label)]
        return [
            *(replace(trained, size_vox=box.size_vox, spacing_mm=box.spacing_mm) for box in boxes),
            trained,
        ]

    def scaled(self, size: float) -> "StageConfig":
        """The same for a person of another size: all lengths of the input so many times as long."""
        return replace(
            self,
            spacing_mm=size * self.spacing_mm,
            smoothing_mm=size * self.smoothing_mm,
            sigma_mm=size * self.sigma_mm,
            posterior_mm=size * self.posterior_mm,
            boxes=tuple(replace(box, spacing_mm=size * box.spacing_mm) for box in self.boxes),
        )

    @property
    def works_upright(self) -> bool:
        """Whether the scan is turned to LPS and cut to whole Hounsfield units, as published."""
        return self.protocol != "default"


#: A configuration per stage.
StageConfigs = Mapping[Stage, StageConfig]


def to_json(config: StageConfig) -> dict[str, object]:
    """The configuration as JSON content."""
    return asdict(config)


def fingerprint(config: StageConfig) -> str:
    """SHA-256 of the configuration."""
    return hashlib.sha256(json.dumps(to_json(config), sort_keys=True).encode()).hexdigest()


def from_json(content: object) -> StageConfig:
    """A configuration from JSON content; WeightsError names a field that is wrong."""
    try:
        stage = _entries(content)
        training = _entries(stage["training"])
        ranges = _build(Ranges, training.get("ranges", {}))
        parts = {
            "network": _build(NetworkConfig, stage["network"]),
            "training": _build(TrainingConfig, {**training, "ranges": ranges}),
            "boxes": tuple(_build(LevelBox, box) for box in _listed(stage.get("boxes", []))),
        }
        return _build(StageConfig, {**stage, **parts})
    except (KeyError, TypeError) as error:
        raise WeightsError(f"The weights' configuration does not fit: {error}.") from error


Record = TypeVar("Record", LevelBox, NetworkConfig, Ranges, TrainingConfig, StageConfig)


def _build(kind: type[Record], content: object) -> Record:
    """A dataclass from its fields, under present or former names; lists become tuples again."""
    given = {FORMER_NAMES.get(name, name): value for name, value in _entries(content).items()}
    unknown = set(given) - {field.name for field in fields(kind)}
    if unknown:
        raise TypeError(f"unknown field {sorted(unknown)[0]}")
    build: Callable[..., Record] = kind  # a field of the wrong type is found where it is used
    record = build(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    wrong = wrong_choice(record)
    if wrong:
        raise TypeError(wrong)
    return record


def _listed(content: object) -> list[object]:
    if not isinstance(content, list):
        raise TypeError(f"{content!r} is not a list")
    return content


def _entries(content: object) -> Mapping[str, object]:
    if not isinstance(content, dict):
        raise TypeError(f"{content!r} is not a set of named values")
    return content
