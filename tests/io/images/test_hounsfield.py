"""Hounsfield units are judged by the body; padding and missing voxels are air."""

from pathlib import Path

import numpy as np
import pytest
from phantoms import draw

from versectl import geometry
from versectl.errors import BadInputError
from versectl.geometry import AIR_HU
from versectl.io import volume
from versectl.io.images import hounsfield

SCAN = Path("scan.nii.gz")


def body(kind=np.int16):
    """Air, fat, muscle and bone, noisy: (z, y, x)."""
    rng = np.random.default_rng(5)
    values = rng.normal(40, 25, (12, 20, 24))
    values[:, 4:16, 2:5] = rng.normal(-95, 15, (12, 12, 3))
    values[3:9, 8:12, 9:15] = rng.normal(500, 90, (6, 4, 6))
    values[:, :3] = rng.normal(-1000, 12, (12, 3, 24))
    return np.maximum(np.rint(values), AIR_HU).astype(kind)


def padded(values, value):
    values[:, :, 18:] = value
    return values


@pytest.mark.parametrize("value", [-1024, -2000, -3024, -32768])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.int32])
def test_padding_is_air_whatever_its_number(value, kind):
    values = padded(body(kind), value)
    assert hounsfield.check(values, SCAN) == ()
    assert np.array_equal(values, padded(body(kind), AIR_HU))


@pytest.mark.parametrize("value", [None, -1024, -1000, -2000, -3024, -32768, 0])
def test_stored_values_are_refused_however_they_are_padded(value):
    stored = body() + np.int16(1024)
    values = stored if value is None else padded(stored, value)
    with pytest.raises(BadInputError, match="not Hounsfield units"):
        hounsfield.check(values, SCAN)


@pytest.mark.parametrize("planes", [slice(None), slice(4, 6)])
def test_a_sound_scan_stays_as_it_is(planes):
    values = body()[planes]
    before = values.copy()
    assert hounsfield.check(values, SCAN) == ()
    assert np.array_equal(values, before)


def test_a_scan_of_few_values_is_still_a_scan():
    values = geometry.to_array(draw()[0])
    assert hounsfield.check(values, SCAN) == ()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_nan_is_air_with_a_warning(kind):
    values = padded(body(kind), np.nan)
    (flag,) = hounsfield.check(values, SCAN)
    assert (flag.code, flag.severity) == ("nan_as_air", "warning")
    assert "1440 voxels (25 %)" in flag.message
    assert np.array_equal(values, padded(body(kind), AIR_HU))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_value_is_refused(value):
    values = body(np.float32)
    values[2, 3, 4] = value
    with pytest.raises(BadInputError, match="infinite values"):
        hounsfield.check(values, SCAN)


def test_nothing_but_nan_is_refused():
    with pytest.raises(BadInputError, match="is constant"):
        hounsfield.check(np.full((3, 4, 5), np.nan, np.float32), SCAN)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_padding_never_changes_what_a_network_is_given(ending, tmp_path):
    ct = draw()[0]
    inputs = []
    for value in (-1024, -2000, -32768):
        array = geometry.to_array(ct)
        array[:, :, :12] = value
        path = tmp_path / f"scan{ending}"
        volume.write(geometry.from_array(array, ct), path)
        grid = geometry.Grid.centered(geometry.center(ct), (20, 24, 28), (4.0, 4.0, 4.0))
        inputs.append(geometry.network_input(volume.read_ct(path).image, grid, 0.0))
    assert np.array_equal(inputs[0], inputs[1])
    assert np.array_equal(inputs[0], inputs[2])
