"""What is heavy loads where it is used; `make lint` holds that imports point one way."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MODULES = sorted((ROOT / "versectl").rglob("*.py"))

#: What the command line may load before a command runs.
LIGHT = {
    "atexit",
    "click",
    "collections",
    "dataclasses",
    "functools",
    "gc",
    "inspect",
    "json",
    "logging",
    "math",
    "os",
    "pathlib",
    "platform",
    "re",
    "signal",
    "sys",
    "threading",
    "time",
    "types",
    "typing",
    "versectl",
}

#: Lines of a file at most.
LONGEST = 400


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "versectl").with_suffix("").as_posix()


def imported(path: Path) -> set[str]:
    """Dotted names of all that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def loaded_at_once(path: Path) -> set[str]:
    """First part of the names a file imports at its top."""
    tree = ast.parse(path.read_text())
    nodes = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", sorted((ROOT / "versectl" / "cli").rglob("*.py")), ids=name_of)
def test_the_command_line_loads_click_only(path):
    assert loaded_at_once(path) <= LIGHT


def test_only_commands_and_the_api_know_the_evaluation():
    for path in MODULES:
        knows = any(other.startswith("versectl.evaluation") for other in imported(path))
        assert not knows or name_of(path).startswith(("cli/", "api"))


def test_commands_are_parse_call_write():
    commands = [
        node
        for path in (ROOT / "versectl" / "cli").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any("command" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert commands
    for command in commands:
        assert command.end_lineno - command.lineno + 1 <= 20, command.name
        assert not any(isinstance(node, ast.Try) for node in ast.walk(command)), command.name


def test_no_room_is_crowded():
    for folder in {path.parent for path in MODULES}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= 10, folder.name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_file_is_longer_than_a_reader_wants_to_know_at_once(path):
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST, lines


def test_every_package_is_in_the_wheel():
    listed = re.search(r"^packages = (\[.*?\])", (ROOT / "pyproject.toml").read_text(), re.M | re.S)
    folders = [
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for path in (ROOT / "versectl").rglob("__init__.py")
    ]
    wanted = sorted([*folders, "versectl.evaluation", "versectl_weights"])
    assert wanted == sorted(ast.literal_eval(listed[1]))
