"""The presets of the three stages side by side: every number once, with its source.

"section n" is a section of Payer et al. 2020; "released" is what the models that its authors
released for VerSe 2019 expect or were trained with; "chosen" is our choice. docs/presets.md lists
how `paper` and `released` differ.
"""

from dataclasses import replace
from functools import partial

from versectl import labels
from versectl.config.schema import (
    LevelBox,
    NetworkConfig,
    Ranges,
    Stage,
    StageConfig,
    StageConfigs,
    TrainingConfig,
)
from versectl.errors import WeightsError

#: Size in voxels and spacing in mm of each stage's network input: sections 2.1 to 2.3.
_SPINE = partial(StageConfig, "spine", (64, 64, 128), 8.0)
_VERTEBRAE = partial(StageConfig, "vertebrae", (96, 96, 128), 2.0)
_SEGMENTATION = partial(StageConfig, "segmentation", (128, 128, 96), 1.0)

DEFAULT: StageConfigs = {
    "spine": _SPINE(
        smoothing_mm=3.0,  # the released VerSe 2019 weights' preprocessing
        sigma_mm=24.0,  # section 3.1: 3 voxels
        threshold=0.3,  # chosen
        network=NetworkConfig("unet", inputs=1, outputs=1, filters=(24, 32, 48, 64)),
        training=TrainingConfig(steps=1500),
    ),
    "vertebrae": _VERTEBRAE(
        smoothing_mm=0.75,  # section 3.1
        sigma_mm=5.0,  # chosen: cervical neighbours, 16 mm apart, stay two peaks
        threshold=0.05,  # chosen on synthetic CT of seed 2000; 0.25 released
        network=NetworkConfig(
            "scnet",
            inputs=1,
            outputs=len(labels.CHANNELS),
            filters=(32, 64, 96, 128),
            spatial_filters=64,
        ),
        training=TrainingConfig(steps=57200, learning_rate=5e-4),  # 1e-3 was not stable
    ),
    "segmentation": _SEGMENTATION(
        smoothing_mm=0.75,  # section 3.1
        sigma_mm=3.0,  # section 3.1: 3 voxels
        threshold=0.5,  # section 2.3
        network=NetworkConfig("unet", inputs=2, outputs=1, filters=(48, 64, 96, 128)),
        training=TrainingConfig(steps=18900),
        # chosen on real and synthetic CT: small vertebrae on a finer grid, at the same cost
        boxes=(LevelBox(labels.NUMBERS["C1"], labels.NUMBERS["T3"], (128, 128, 96), 0.8),),
    ),
}

#: What the networks in the paper and those released have in common.
_UNET = NetworkConfig(
    "unet",
    inputs=1,
    outputs=1,
    filters=(64,) * 5,  # section 3.1
    patch_vox=1,
    leak=0.0,  # section 2: ReLU
    dropout=0.5,  # section 3.1
    upsampling="linear",  # section 2
    deepest_twice=True,  # released
)
_SCNET = replace(
    _UNET,
    kind="scnet2019",
    outputs=25,  # section 3: C1 to L6
    spatial_filters=64,  # section 3.1
    leak=0.1,  # released; section 2: leaky ReLU
    border="zero",  # released: the graph the weights were trained with
)

#: Training as published, but for the number of steps and the learning rates.
_PLAIN = TrainingConfig(
    steps=0,
    clip_norm=0.0,
    ema_share=0.0,
    repeats=1,
    schedule="constant",
    l2=5e-4,  # section 3.1, printed 5^-4
    epsilon=1e-8,  # released
)

#: section 3.1; the order of shift and scale, and the B-spline's form, as released.
_RANGES = Ranges(
    angle_deg=14.324,  # 0.25 rad
    scale=0.15,
    axis_share=0.0,
    flips=False,
    spread="mesh",
    intensity_shift=0.25,
    intensity_scale=0.25,
)


def _moved_by_voxels(ranges: Ranges, spacing_mm: float) -> Ranges:
    """Section 3.1: translated by up to 30 voxels, control points by up to 15."""
    return replace(ranges, shift_mm=30 * spacing_mm, bump_mm=15 * spacing_mm)


#: Distortions the released models were trained with: all in millimetres, each axis scaled, too.
_RELEASED_RANGES = replace(_RANGES, axis_share=1.0, shift_mm=30.0, bump_mm=25.0)

#: The text of the paper; where it is silent, what was released.
PAPER: StageConfigs = {
    "spine": _SPINE(
        smoothing_mm=0.75,  # section 3.1
        sigma_mm=24.0,  # section 3.1: 3 voxels
        threshold=0.0,  # the published method has none
        network=_UNET,
        training=replace(
            _PLAIN,
            steps=20000,  # section 3.1
            learning_rate=1e-4,  # section 3.1
            ranges=_moved_by_voxels(_RANGES, 8.0),
        ),
        protocol="published",
    ),
    "vertebrae": _VERTEBRAE(
        smoothing_mm=0.75,  # section 3.1
        sigma_mm=8.0,  # released: 4 voxels to begin with; learned
        threshold=0.25,  # released
        network=_SCNET,
        training=replace(
            _PLAIN,
            steps=100000,  # section 3.1
            optimizer="nesterov",  # section 3.1
            learning_rate=1e-8,  # section 3.1
            sigma_l2=100.0,  # section 3.1: alpha of eq. (1)
            ranges=_moved_by_voxels(_RANGES, 2.0),
        ),
        protocol="published",
    ),
    "segmentation": _SEGMENTATION(
        smoothing_mm=0.75,  # section 3.1
        sigma_mm=3.0,  # section 3.1: 3 voxels
        threshold=0.5,  # section 2.3
        network=replace(_UNET, inputs=2),
        training=replace(
            _PLAIN,
            steps=50000,  # section 3.1
            learning_rate=1e-4,  # section 3.1
            l2=1e-7,  # section 3.1
            ranges=_moved_by_voxels(_RANGES, 1.0),
        ),
        protocol="published",
        posterior_mm=0.0,  # section 2.3: the vertebra in the middle
        connectivity=2,  # released
    ),
}

#: What the models released for VerSe 2019 expect, and how they were trained.
RELEASED: StageConfigs = {
    "spine": replace(
        PAPER["spine"],
        smoothing_mm=3.0,
        truncate_sigma=2.5,
        blur_vox=3.0,
        training=replace(
            PAPER["spine"].training,
            boundaries=(10000, 15000),
            later_rates=(5e-5, 1e-5),
            ranges=_RELEASED_RANGES,
        ),
    ),
    "vertebrae": replace(
        PAPER["vertebrae"],
        tile_step_vox=64,
        padding=-1.0,
        network=replace(
            _SCNET,
            filters=(64,) * 4,
            stem=True,
            border="renormalised",  # their inference; in training it was "zero"
        ),
        training=replace(
            PAPER["vertebrae"].training,
            steps=110000,
            learning_rate=5e-8,
            boundaries=(50000, 75000),
            later_rates=(2.5e-8, 5e-9),
            ranges=_RELEASED_RANGES,
            top_and_bottom_mm=25.0,  # as their code means it
        ),
    ),
    "segmentation": replace(
        PAPER["segmentation"],
        posterior_mm=20.0,
        truncate_sigma=2.5,
        blur_vox=1.0,
        network=replace(_UNET, inputs=2, dropout=0.25),
        training=replace(
            PAPER["segmentation"].training,
            boundaries=(20000, 40000),
            later_rates=(5e-5, 1e-5),
            l2=1e-6,
            clip_norm=1.0,
            ranges=_RELEASED_RANGES,
        ),
    ),
}

#: What is known of the models released for VerSe 2020: the networks and their inputs.
_UNET2020 = replace(_UNET, filters=(96,) * 5, leak=0.1, dropout=0.25, head_vox=1)
RELEASED2020: StageConfigs = {
    "spine": replace(
        RELEASED["spine"], smoothing_mm=0.75, network=_UNET2020, protocol="published2020"
    ),
    "vertebrae": replace(
        RELEASED["vertebrae"],
        size_vox=(96, 96, 128),
        sigma_mm=6.0,
        network=replace(
            _UNET2020,
            kind="scnet2020",
            outputs=26,
            filters=(96,) * 4,
            spatial_filters=96,
            border="edge",
        ),
        protocol="published2020",
    ),
    "segmentation": replace(
        RELEASED["segmentation"],
        sigma_mm=6.0,
        network=replace(_UNET2020, inputs=2),
        protocol="published2020",
    ),
}


def _tiny(stage: Stage, size_vox: tuple[int, int, int], spacing_mm: float) -> StageConfig:
    paper = PAPER[stage]
    return replace(
        paper,
        size_vox=size_vox,
        spacing_mm=spacing_mm,
        sigma_mm=paper.sigma_mm / paper.spacing_mm * spacing_mm / 2,
        tile_step_vox=size_vox[2] // 2,
        network=replace(
            paper.network,
            filters=(4,) * 3,
            spatial_filters=min(paper.network.spatial_filters, 4),
            dropout=0.0,
        ),
        training=replace(
            paper.training, steps=20, optimizer="adam", learning_rate=1e-3, ranges=_RELEASED_RANGES
        ),
    )


#: chosen: the published method, so small that training and testing run through in minutes. It
#: learns nothing: its figures are meaningless.
TINY: StageConfigs = {
    "spine": _tiny("spine", (32, 32, 64), 16.0),
    "vertebrae": _tiny("vertebrae", (32, 32, 48), 6.0),
    "segmentation": _tiny("segmentation", (32, 32, 24), 4.0),
}

#: chosen on real and synthetic CT, docs/performance.md: less context for networks trained in
#: DEFAULT's box, 0.38 to 0.64 of its voxels.
FAST_BOXES = (
    LevelBox(labels.NUMBERS["C1"], labels.NUMBERS["C7"], (96, 96, 64), 0.8),
    LevelBox(labels.NUMBERS["T1"], labels.NUMBERS["T3"], (112, 112, 80), 0.8),
    LevelBox(labels.NUMBERS["T4"], labels.NUMBERS["T13"], (96, 96, 64), 1.0),
    LevelBox(labels.NUMBERS["L1"], labels.NUMBERS["L6"], (112, 112, 80), 1.0),
)


def fast(config: StageConfig) -> StageConfig:
    """The same for --fast: masks from less context, labels from one look, the spine as ever.

    Raises WeightsError for published weights.
    """
    if config.protocol != "default":
        raise WeightsError(
            "the fast way is for weights of versectl's own method, and these follow the published "
            "one; run without fast."
        )
    ours = DEFAULT["segmentation"]
    sizes = ((each.stage, each.size_vox, each.spacing_mm) for each in (config, ours))
    first = FAST_BOXES if len(set(sizes)) == 1 else ()
    looks_again = config.stage == "spine"
    return replace(config, boxes=(*first, *config.boxes), looks_again=looks_again)


PRESETS = {"default": DEFAULT, "paper": PAPER, "released": RELEASED, "tiny": TINY}


def configured(
    preset: str,
    stage: Stage,
    steps: int | None = None,
    batch: int | None = None,
    rate: float | None = None,
) -> StageConfig:
    """A preset's configuration of a stage; where given, with other steps, batch, learning rate."""
    config = PRESETS[preset][stage]
    training = replace(
        config.training,
        steps=steps or config.training.steps,
        batch=batch or config.training.batch,
        learning_rate=rate or config.training.learning_rate,
    )
    return replace(config, training=training)
