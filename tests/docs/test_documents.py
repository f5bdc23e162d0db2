"""What the documents show is true: commands parse and run, examples run, links lead somewhere."""

import importlib.util
import logging
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from versectl import api
from versectl.cli.main import main
from versectl.io import volume
from versectl.io.dicom import stack

ROOT = Path(__file__).parents[2]

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "weights" / "README.md",
    ROOT / "evaluation" / "README.md",
]

#: Need hours, a network, other weights, or files that no reader has.
NOT_RUN = {
    "train",
    "cross-validate",
    "serve-challenge",
    "challenge",
    "synth",
    "verify",
    "import",
    "doctor",
}


def blocks(page: Path, language: str) -> list[str]:
    """Fenced code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def commands(page: Path) -> Iterator[list[str]]:
    """The words after `versectl`, or after the container's name, of every command on a page."""
    for block in [*blocks(page, "sh"), *blocks(page, "bash")]:
        for line in block.replace("\\\n", " ").splitlines():
            text = line.replace("$SLURM_ARRAY_TASK_ID", "1")
            words = shlex.split(text, comments=True)
            at = next((i for i, word in enumerate(words) if is_program(word)), None)
            if at is not None and words[at + 1 :] not in ([], ["."]):
                yield words[at + 1 :]


def is_program(word: str) -> bool:
    return word in ("versectl", "verse-seg", "verse-seg.sif")


def parsed(words: list[str]) -> None:
    """Parse a command line without running it; UsageError where it is wrong."""
    context = click.Context(main, info_name="versectl")
    command: click.Command = main
    rest = list(words)
    while isinstance(command, click.Group):
        if rest[0].startswith("-"):
            command.make_context("versectl", rest, resilient_parsing=True)
            return
        name = rest.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name}"
        command = found
    command.make_context(command.name, rest)


@pytest.fixture(autouse=True)
def log_level():
    """Parsing -q and -v sets the level."""
    log = logging.getLogger("versectl")
    before = log.level
    yield
    log.setLevel(before)


ALL_COMMANDS = [(page.name, words) for page in PAGES for words in commands(page)]


def test_commands_are_found_in_the_pages():
    assert len(ALL_COMMANDS) > 30


@pytest.mark.parametrize(("page", "words"), ALL_COMMANDS, ids=lambda value: " ".join(value)[:60])
def test_every_command_shown_can_be_parsed(page, words):
    parsed(words)


@pytest.fixture
def reader(ct, label_map, tmp_path, monkeypatch):
    """A folder as the pages' reader has it: a CT, a folder of CTs, and their truth."""
    for name in ("scan_ct.nii.gz", "scans/scan_ct.nii.gz"):
        volume.write(ct, tmp_path / name)
    for folder in ("truth", "ours", "theirs"):
        volume.write(label_map, tmp_path / folder / "scan_seg.nii.gz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/evaluation.md"])
def test_the_commands_of_a_page_run_one_after_the_other(run, reader, page):
    if page == "docs/evaluation.md":
        assert run("run-all", "scans", "results").exit_code == 0
    done = []
    for words in commands(ROOT / page):
        theirs = any(word.startswith(("/data", "demo/", "study/")) for word in words)
        if not theirs and not NOT_RUN & set(words[:2]):
            result = run(*words)
            assert result.exit_code == 0, (words, result.output)
            done.append(words)
    assert done


def test_the_last_correction_of_the_quick_start_is_what_is_segmented(run, reader):
    """Its steps in order, with an editor that calls L1 (20) L2 (21), and L2 L3."""
    assert run("run-all", "scan_ct.nii.gz", "results").exit_code == 0
    path = reader / "results" / "scan_ctd.json"
    text = path.read_text()
    for old, new in ((21, 22), (20, 21), (19, 20)):
        text = text.replace(f'"label": {old}', f'"label": {new}')
    path.write_text(text)
    told = run("run-all", "scan_ct.nii.gz", "results", "--preview")
    assert "L1 to L3" in told.output


def examples() -> Iterator[tuple[str, str]]:
    for page in [page for page in PAGES if page.parent != ROOT / "evaluation"]:
        for number, block in enumerate(blocks(page, "python")):
            yield f"{page.name}-{number}", block


@pytest.mark.parametrize(("name", "code"), [*examples()], ids=lambda value: value[:30])
def test_every_python_example_runs(name, code, reader, models, monkeypatch):
    monkeypatch.setattr(api, "Models", lambda *_settings: models)
    needed = re.findall(r"^(?:from|import) (\w+)", code, re.M)
    missing = [module for module in needed if importlib.util.find_spec(module) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
    exec(compile(code, name, "exec"), {"__name__": "example"})


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            if not target.startswith(("http", "#")):
                yield page, target


@pytest.mark.parametrize(("page", "target"), [*links()], ids=lambda value: str(value)[-40:])
def test_every_link_leads_to_a_file_and_a_heading(page, target):
    path, _, anchor = target.partition("#")
    file = page.parent / path
    assert file.exists()
    if anchor:
        headings = re.findall(r"^#+ (.*)$", file.read_text(), re.M)
        slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
        assert anchor in slugs


def test_every_command_is_shown_in_a_page():
    shown = {word for _, words in ALL_COMMANDS for word in words[:2]}
    assert set(main.commands) - shown == set()


def test_the_command_reference_is_up_to_date():
    spec = importlib.util.spec_from_file_location("page", ROOT / "docs" / "tools" / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    stale = "run make docs-reference"
    assert (ROOT / "docs" / "commands.md").read_text() == reference.page(), stale


def test_every_page_is_in_the_site():
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name in navigation


def test_every_file_that_the_pages_name_exists():
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text()
        named = re.findall(r"`((?:versectl|evaluation|tests|docs|weights)/[\w/.]+)`", text)
        missing = [path for path in named if not (ROOT / path).exists()]
        assert not missing, page.name


def test_every_quality_flag_has_a_section():
    from versectl.report import anatomy, levels, quality

    told = source(quality) + source(levels) + source(anatomy)
    codes = re.findall(r'"([a-z_]+)",\s+"(?:note|warning|error)"', told)
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / "quality.md").read_text(), re.M)
    assert codes
    assert sorted(codes) == sorted(headings)


def test_every_flag_of_the_file_has_a_row():
    files = sorted((ROOT / "versectl" / "io").rglob("*.py"))
    codes = {c for f in files for c in re.findall(r'Flag\(\s*"([a-z_]+)"', f.read_text())}
    codes |= set(stack.FLAGS)
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "quality.md").read_text(), re.M)
    assert len(codes) > 5
    assert codes <= set(rows)


def source(module) -> str:
    return Path(module.__file__).read_text()


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path):
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)
