"""Every stage, as published but small, learns three cases by heart; slow."""

from dataclasses import replace

import bodies
import numpy as np
import pytest

from versectl import config, geometry
from versectl.config import Ranges, StageConfig
from versectl.io import centroids, layout, volume
from versectl.networks import weights
from versectl.stages.published import segmentation, spine, vertebrae
from versectl.synth import dataset
from versectl.training import loop
from versectl.training.real_scans import RealScans
from versectl.types import Model

pytestmark = pytest.mark.slow

STILL = Ranges(0.0, 0.0, 0.0, flips=False)

#: Filters of each stage's network.
WIDTH = {"spine": 8, "vertebrae": 12, "segmentation": 8}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A folder of three cases, and of each the CT, label map and centres."""
    folder = tmp_path_factory.mktemp("known")
    most, dataset.MOST_VOXELS = dataset.MOST_VOXELS, 4e5
    for seed in (2, 4, 6):  # of which three to five vertebrae are whole
        made = dataset.scan(bodies.body(), np.random.default_rng(seed))
        dataset.save(made, folder, f"sub-verse{seed:03d}")
    dataset.MOST_VOXELS = most
    found = []
    for case in layout.with_labels(folder):
        ct = volume.read_ct(case.ct).image
        points_mm = centroids.to_world(centroids.read(case.centroids), ct)
        found.append((ct, volume.read_labels(case.labels), points_mm))
    return folder, found


def learned(folder, out, stage, changes, training) -> Model:
    """The stage trained on the folder's cases; narrow, and without distortion or dropout."""
    released, width = config.RELEASED[stage], WIDTH[stage]
    network = replace(
        released.network,
        filters=(width,) * 3,
        dropout=0.0,
        spatial_filters=min(released.network.spatial_filters, width),
    )
    steps, rate = training["steps"], training["learning_rate"]
    run_down = {"boundaries": (steps * 2 // 3,), "later_rates": (rate / 8,)}
    still = replace(
        released.training, ranges=STILL, optimizer="adam", l2=0.0, **run_down, **training
    )
    chosen: StageConfig = replace(released, network=network, training=still, **changes)
    loop.train(
        chosen,
        RealScans(folder, chosen, out / "prepared"),
        loop.Run(out, checkpoint_every=100),
        print,
    )
    return weights.load(out, stage)


def test_the_spine_is_found_within_8_mm(known, tmp_path):
    folder, scans = known
    changes = {"size_vox": (16, 16, 32)}
    model = learned(folder, tmp_path, "spine", changes, {"steps": 1000, "learning_rate": 3e-3})
    for ct, _, points_mm in scans:
        wanted_mm = np.mean(list(points_mm.values()), axis=0)
        found_mm = spine.predict(ct, model).center_mm
        assert np.linalg.norm((found_mm - wanted_mm)[:2]) < 8


def test_every_vertebra_is_named_and_found_within_2_mm(known, tmp_path):
    folder, scans = known
    changes = {
        "size_vox": (32, 32, 64),
        "spacing_mm": 4.0,
        "sigma_mm": 12.0,
        "tile_step_vox": 32,
        # The released models fill short scans up with what they never saw in training.
        "padding": config.PAPER["vertebrae"].padding,
    }
    training = {
        "steps": 1400,
        "learning_rate": 2e-3,
        "clip_norm": 1.0,  # the product of two heatmaps runs away at times
        # Adam takes larger steps than Nesterov's method does here: a weaker pull on the widths.
        "sigma_l2": 1.0,
        # Most of these vertebrae lie near their scans' ends, where the released ones do not learn.
        "top_and_bottom_mm": 0.0,
    }
    model = learned(folder, tmp_path, "vertebrae", changes, training)
    for ct, _, points_mm in scans:
        middle_mm = np.mean(list(points_mm.values()), axis=0)
        found = vertebrae.predict(ct, middle_mm, model)
        # A vertebra that the scan cuts is not annotated, and may be found as well.
        assert set(points_mm) <= set(found)
        for label, point_mm in points_mm.items():
            assert np.linalg.norm(found[label].center_mm - point_mm) < 2


def test_every_mask_overlaps_by_95_percent(known, tmp_path):
    folder, scans = known
    # Smoothing, meant for rough annotations, would take these vertebrae's sharp edges off.
    changes = {"size_vox": (64, 80, 48), "spacing_mm": 1.2, "sigma_mm": 3.6, "blur_vox": 0.0}
    model = learned(
        folder, tmp_path, "segmentation", changes, {"steps": 1500, "learning_rate": 3e-3}
    )
    for ct, label_map, points_mm in scans:
        found = geometry.to_array(segmentation.predict(ct, points_mm, model))
        truth = geometry.to_array(label_map)
        for label in points_mm:
            a, b = found == label, truth == label
            assert 2 * np.count_nonzero(a & b) / (a.sum() + b.sum()) > 0.95
