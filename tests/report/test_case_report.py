"""The report as it is written, and what made its files."""

import math

from versectl.errors import BadInputError
from versectl.io import atomic
from versectl.report import case_report, provenance
from versectl.report.case_report import Record
from versectl.report.provenance import USER, VERSECTL, Certainty, Origin
from versectl.types import (
    Engine,
    Identity,
    Numbering,
    OtherNumbering,
)

NUMBERING = Numbering(0.4, OtherNumbering((18, 19, None), None, 0.35), ("last_rib",))


def test_the_engine_and_its_version_are_told_once_networks_were_run(report):
    assert report["engine"] is None
    engine = Engine("openvino", "2026.4.1", "CPU, 2 cores", "bfloat16")
    failed = case_report.failed("a", BadInputError("no"), Record("a.nii", None, engine=engine))
    assert failed["engine"] == {
        "name": "openvino",
        "version": "2026.4.1",
        "device": "CPU, 2 cores",
        "precision": "bfloat16",
    }
    assert failed["versions"]["openvino"] == "2026.4.1"


def test_what_computed_a_result_is_recorded_with_its_file(tmp_path):
    engine = Engine("jax", "0.10.2", "GPU H100", "bfloat16")
    origin = Origin("2" * 64, VERSECTL, "1" * 64, Identity("3" * 64, "4" * 64), engine=engine)
    provenance.write("a", {"a_seg.nii.gz": origin}, tmp_path / "a.json")
    assert provenance.read(tmp_path / "a.json", tmp_path / "none") == {"a_seg.nii.gz": origin}


def test_a_report_has_the_numbering_and_its_flag(report):
    assert report["numbering"] == {
        "probability": 0.4,
        "second": {"labels": ["T11", "T12", None], "shift": None, "probability": 0.35},
        "evidence": ["last_rib"],
        "first_rib_beside": None,
    }
    assert next(flag["code"] for flag in report["flags"]) == "levels_may_be_shifted"


def test_a_correction_older_than_the_ct_is_flagged():
    files = {
        "a_ctd.json": Origin("2" * 64, USER, "old"),
        "a_seg.nii.gz": Origin("3" * 64, VERSECTL, "new"),
    }
    flags = Record("a_ct.nii.gz", "new", files).flags()
    assert [(flag.code, flag.message) for flag in flags] == [
        ("made_for_another_ct", "a_ctd.json was corrected before the CT was replaced.")
    ]


def test_provenance_reads_back_and_outlives_its_file(tmp_path, report):
    origin = Origin(
        *("4" * 64, VERSECTL, "1" * 64, Identity("w", "c"), "5" * 64),
        {20: Certainty(0.91, 0.87), 21: Certainty(0.5, float("nan"))},
        NUMBERING,
    )
    path = tmp_path / "a_provenance.json"
    provenance.write("a", {"a_ctd.json": origin}, path)
    read = provenance.read(path, tmp_path / "none")["a_ctd.json"]
    assert math.isnan(read.certainty[21].confidence)
    assert (read.model, read.certainty[20]) == (origin.model, origin.certainty[20])
    assert read.numbering == NUMBERING
    path.write_text("{")
    atomic.write_json(report, tmp_path / "a_report.json")
    assert provenance.read(path, tmp_path / "a_report.json") == {
        "a_ctd.json": Origin("2" * 64, USER, "1" * 64)
    }
