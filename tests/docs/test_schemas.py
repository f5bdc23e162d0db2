"""Every JSON file that the commands write follows its schema in docs/schemas."""

import json
from pathlib import Path

import jsonschema
import pytest

import versectl
from versectl.io import atomic, volume
from versectl.networks import weights
from versectl.stages import pipeline

ROOT = Path(__file__).parents[2]

SCHEMAS = ROOT / "docs" / "schemas"

ENDINGS = {
    "_spine.json": "spine",
    "_ctd.json": "centroids",
    "_report.json": "report",
    "_provenance.json": "provenance",
}


def check(path: Path) -> None:
    """Validate a file against the schema that its name calls for."""
    schema = next(ENDINGS[end] for end in ENDINGS if path.name.endswith(end))
    validator(schema).validate(json.loads(path.read_text()))


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_run_all_writes_these_json_files_alone_and_all_follow_their_schemas(run, ct_file, out):
    assert run("run-all", ct_file, out).exit_code == 0
    written = sorted(out.glob("*.json"))
    assert {path.name.removeprefix("lumbar") for path in written} == set(ENDINGS)
    for path in written:
        check(path)


def test_files_saved_from_python_follow_their_schemas(models, ct, tmp_path):
    files = versectl.save(versectl.run(ct, models), tmp_path, "lumbar")
    for path in files:
        if path.suffix == ".json":
            check(path)


def test_files_of_a_corrected_case_follow_their_schemas(run, ct_file, out):
    run("localize-spine", ct_file, out)
    run("localize-vertebrae", ct_file, out)
    path = out / "lumbar_ctd.json"
    entries = json.loads(path.read_text())
    atomic.write_json(entries[:-1], path)
    assert run("run-all", ct_file, out).exit_code == 0
    for written in out.glob("*.json"):
        check(written)


def test_the_report_of_a_failed_case_follows_its_schema(run, ct_file, out, monkeypatch):
    monkeypatch.setitem(pipeline.SEGMENTATION, "default", lambda *_: 1 / 0)
    assert run("run-all", ct_file, out).exit_code == 1
    check(out / "lumbar_report.json")


def test_evaluate_prints_json_that_follows_its_schema(run, out, label_map):
    for name in ("a", "b"):
        volume.write(label_map, out / "gt" / f"{name}_seg.nii.gz")
    volume.write(label_map, out / "pred" / "a_seg.nii.gz")
    (out / "pred" / "b_seg.nii.gz").write_bytes(b"no volume")
    for more, code in (((), 4), (("--points", "files", "--count-missing"), 0)):
        done = run("evaluate", "--pred", out / "pred", "--gt", out / "gt", "--json", *more)
        assert done.exit_code == code
        validator("evaluation").validate(json.loads(done.stdout))


@pytest.mark.parametrize("stage", ["spine", "vertebrae", "segmentation"])
def test_the_files_that_describe_the_default_weights_follow_their_schema(stage):
    path = weights.default_folder() / f"{stage}.json"
    validator("weights").validate(json.loads(path.read_text()))


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ("centroids", [{"direction": ["P", "I", "I"]}]),
        ("centroids", [{"label": 20, "X": 1, "Y": 2, "Z": 3}]),
        ("spine", {"center_mm": [1, 2]}),
        ("report", {"schema_version": 2, "status": "done"}),
        ("evaluation", {"schema_version": 1, "complete": True}),
    ],
)
def test_what_does_not_follow_a_schema_is_refused(schema, content):
    with pytest.raises(jsonschema.ValidationError):
        validator(schema).validate(content)
