"""The published trainings at their full size, on real scans: they fit into an ordinary machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

SCANS = Path(__file__).parents[3] / "shared" / "data" / "ct"
CASES = ("sub-verse006", "sub-verse007")

#: The authors trained on a card of 12 GB.
MOST_GB = 11

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SCANS.is_dir(), reason="needs the real CT in ../shared/data/ct"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two VerSe scans with masks, and centroids from these."""
    made = tmp_path_factory.mktemp("verse")
    for name in CASES:
        for file in SCANS.glob(f"{name}_*"):
            (made / file.name).symlink_to(file)
        mask = nib.load(SCANS / f"{name}_seg-vert_msk.nii.gz")
        labels = np.asarray(mask.dataobj)
        centres = [
            dict(zip("XYZ", np.argwhere(labels == label).mean(axis=0).tolist(), strict=True))
            | {"label": int(label)}
            for label in np.unique(labels)[1:]
        ]
        axes = {"direction": list(nib.aff2axcodes(mask.affine))}
        (made / f"{name}_ctd.json").write_text(json.dumps([axes, *centres]))
    return made


@pytest.mark.parametrize("preset", ["paper", "released"])
@pytest.mark.parametrize("stage", ["spine", "vertebrae", "segmentation"])
def test_ten_steps_of_a_published_training_take_less_memory_than_its_authors_had(
    folder, tmp_path, stage, preset
):
    words = ["train", stage, "--preset", preset, "--data", folder, "--out", tmp_path]
    training = subprocess.Popen(
        [sys.executable, "-m", "versectl", *words, "--steps", "10", "--precision", "float32"]
    )
    _, status, used = os.wait4(training.pid, 0)
    training.returncode = os.waitstatus_to_exitcode(status)
    assert training.returncode == 0
    assert used.ru_maxrss / 2**20 < MOST_GB
    assert (tmp_path / f"{stage}.weights.h5").is_file()
