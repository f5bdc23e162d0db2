"""Fixtures: phantoms drawn by the tests, as images, files and command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
import SimpleITK as sitk
from click.testing import CliRunner, Result
from phantoms import LPS, PIR, Phantoms, draw, oblique

from versectl.io import volume

DIRECTIONS = {"as the world": LPS, "sagittal slices": PIR, "oblique": oblique(PIR, 23.0)}


@pytest.fixture(params=DIRECTIONS.values(), ids=DIRECTIONS)
def scan(request: pytest.FixtureRequest) -> sitk.Image:
    """A lopsided CT, its axes along the world's, in VerSe's order, and along none."""
    return draw((3.1, 1.9, 2.3), request.param)[0]


@pytest.fixture(scope="session")
def phantom() -> tuple[sitk.Image, sitk.Image]:
    """CT and label map of three blocks; in the rows' order P, I, R as VerSe has it."""
    return draw(direction=PIR)


@pytest.fixture
def ct(phantom: tuple[sitk.Image, sitk.Image]) -> sitk.Image:
    return phantom[0]


@pytest.fixture
def label_map(phantom: tuple[sitk.Image, sitk.Image]) -> sitk.Image:
    return phantom[1]


@pytest.fixture(scope="session")
def models() -> Phantoms:
    return Phantoms()


@pytest.fixture
def ct_file(ct: sitk.Image, tmp_path: Path) -> Path:
    """The phantom's CT on disk: in/lumbar_ct.nii.gz, so the case is `lumbar`."""
    path = tmp_path / "in" / "lumbar_ct.nii.gz"
    volume.write(ct, path)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder for results that is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def run(models: Phantoms, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line with the phantom's networks in place of TensorFlow's."""
    from versectl.cli import main as cli

    monkeypatch.setattr("versectl.networks.loading.Models", lambda *_settings: models)
    return lambda *words: CliRunner().invoke(cli.main, [str(word) for word in words])
