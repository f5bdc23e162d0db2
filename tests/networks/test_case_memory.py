"""--memory-gb: what a case needs is told from its CT's header, before any work."""

import json

import pytest

from versectl.io import volume
from versectl.networks import case_memory as memory


def test_more_voxels_need_more_and_smaller_parts_less():
    assert memory.needed_gb((512, 512, 600), 0) > memory.needed_gb((512, 512, 300), 0)
    assert memory.needed_gb((512, 512, 300), 1) < memory.needed_gb((512, 512, 300), 0)


def test_the_largest_common_scan_fits_into_4_gb():
    assert memory.needed_gb((512, 512, 1400), 0) < 4


def test_a_scan_that_cannot_fit_is_refused_before_it_is_read(run, ct_file, out, monkeypatch):
    monkeypatch.setattr(volume, "read_ct", lambda *_: 1 / 0)
    done = run("run-all", ct_file, out, "--memory-gb", "0.5")
    assert done.exit_code == 5
    assert "more than --memory-gb 0.5" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("spare_gb", "parts"), [(1.0, None), (0.3, 2)])
def test_networks_run_in_parts_where_they_would_take_too_much(run, ct_file, out, spare_gb, parts):
    done = run("run-all", ct_file, out, "--memory-gb", f"{memory.BASE_GB + spare_gb}")
    assert done.exit_code == 0, done.output
    found = json.loads((out / "lumbar_report.json").read_text())["parts"]
    assert set(found.values()) == ({parts} if parts else set())
