"""Tables of the benchmarks, and the commands that documents name."""

import re
from pathlib import Path

import pytest

from benchmarks import markdown

ROOT = Path(__file__).parents[2]

DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/*.md", "evaluation/**/*.md", "weights/*.md", "Makefile")
    for path in sorted(ROOT.glob(pattern))
] + sorted((ROOT / "benchmarks").rglob("*.py"))


def test_a_table_has_a_line_below_its_head_and_cells_may_be_empty():
    assert markdown.table(["", "Dice"], [("L1", 0.9), ("", "-")]) == [
        "| | Dice |",
        "|---|---|",
        "| L1 | 0.9 |",
        "| | - |",
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_benchmark_that_is_named_is_there(path):
    text = path.read_text()
    for module in re.findall(r"-m (benchmarks\.[a-z_0-9.]+[a-z0-9])", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    for file in re.findall(r"benchmarks/[a-z_0-9/]+\.py", text):
        assert (ROOT / file).is_file(), file
