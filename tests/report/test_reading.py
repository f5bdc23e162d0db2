"""Reports read back, and what is none."""

import json
import math

import pytest

from versectl.errors import BadInputError
from versectl.io import atomic
from versectl.report import case_report, provenance, reading
from versectl.report.case_report import Record
from versectl.report.provenance import USER, Origin


def test_a_report_reads_back(report, tmp_path):
    atomic.write_json(report, tmp_path / "a_report.json")
    read = reading.read(tmp_path / "a_report.json")
    assert (read.status, read.error, read.exit_code) == ("done", "", 0)
    assert [row.name for row in read.vertebrae] == ["T12", "L1", "L2"]
    assert read.vertebrae[0].peak == 0.9
    assert math.isnan(read.vertebrae[0].confidence)
    assert read.files == {"a_ctd.json": "2" * 64}
    assert (read.origins["a_ctd.json"].made_by, read.levels_by) == ("user", "versectl")
    assert read.grid.direction == ("P", "I", "R")
    assert (read.input_file, read.kept, dict(read.seconds)) == ("a_ct.nii.gz", (), {})


def test_a_failure_reads_back(tmp_path):
    failed = case_report.failed("a", BadInputError("is broken."), Record("a_ct.nii.gz", None))
    atomic.write_json(failed, tmp_path / "a_report.json")
    read = reading.read(tmp_path / "a_report.json")
    assert (read.status, read.error, read.exit_code) == ("failed", "is broken.", 3)


DAMAGE = {
    "empty": "",
    "a list": "[]",
    "no key": "{}",
    "status alone": '{"status": "done"}',
    "a number": "5",
    "deep": "[" * 100_000,
    "bytes": "\xff",
    "an unknown status": '{"status": "started", "input": {}, "seconds": {}, "versions": {}}',
}


@pytest.mark.parametrize("text", DAMAGE.values(), ids=DAMAGE)
def test_what_is_no_report_is_none(text, tmp_path):
    (tmp_path / "a_report.json").write_text(text, "latin-1")
    assert reading.read(tmp_path / "a_report.json") is None


@pytest.mark.parametrize("key", ["input", "seconds", "versions", "peak_memory_mb", "files"])
def test_a_report_that_lacks_a_key_is_none(report, key, tmp_path):
    atomic.write_json(report, tmp_path / "whole.json")
    content = json.loads((tmp_path / "whole.json").read_text())
    del content[key]
    atomic.write_json(content, tmp_path / "a_report.json")
    assert reading.read(tmp_path / "a_report.json") is None


def test_a_report_of_version_1_is_read(report, tmp_path):
    atomic.write_json(report, tmp_path / "whole.json")
    content = json.loads((tmp_path / "whole.json").read_text())
    for key in ("schema_version", "flags", "files", "parts"):
        del content[key]
    content |= {"outputs": {"a_ctd.json": "2" * 64}, "weights_sha256": {}, "kept": ["vertebrae"]}
    atomic.write_json(content, tmp_path / "a_report.json")
    assert reading.read(tmp_path / "a_report.json").files == {"a_ctd.json": "2" * 64}
    origins = provenance.read(tmp_path / "a_provenance.json", tmp_path / "a_report.json")
    assert origins == {"a_ctd.json": Origin("2" * 64, USER, "1" * 64)}
