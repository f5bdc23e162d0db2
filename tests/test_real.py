"""The whole way on real CT, with the default weights; slow, and only where the scans are."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from versectl import geometry, labels
from versectl.io import layout, volume

SCANS = Path(__file__).parents[2] / "shared" / "data" / "ct"
WEIGHTS = Path(__file__).parents[1] / "weights" / "spine.json"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not SCANS.is_dir(), reason="needs the real CT in ../shared/data/ct"),
    pytest.mark.skipif(not WEIGHTS.is_file(), reason="needs the default weights"),
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of run-all on the folder as it is, masks and all."""
    folder = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, "-m", "versectl", "run-all", SCANS, folder], check=True)
    return folder


def test_every_scan_is_done_and_every_mask_lies_on_its_scan(out):
    for case in layout.with_ct(SCANS):
        told = json.loads((out / f"{case.name}_report.json").read_text())
        assert told["status"] == "done"
        masks = volume.read_labels(out / f"{case.name}_seg.nii.gz")
        assert geometry.same_grid(masks, volume.read_ct(case.ct).image)
        found = set(np.unique(geometry.to_array(masks)).tolist()) - {0}
        assert found <= {row["label"] for row in told["vertebrae"]}


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("sub-verse006", "L4", "L5"),
        ("sub-verse007", "T9", "L3"),
        ("abdomen_3mm", "T12", "L5"),
        ("ACRIN-FLT-Breast_013", "C1", "L5"),
    ],
)
def test_all_vertebrae_are_found_and_named(out, name, first, last):
    told = json.loads((out / f"{name}_report.json").read_text())
    found = [row["label"] for row in told["vertebrae"]]
    assert found == list(range(labels.NUMBERS[first], labels.NUMBERS[last] + 1))
