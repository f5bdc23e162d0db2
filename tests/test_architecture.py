"""Imports point one way, and what is heavy loads where it is used."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: From the bottom to the top; a module imports only from lines above its own.
LAYERS = [
    {"versectl"},
    {"errors", "labels", "plan"},
    {"config", "files", "outcome", "silence", "staging"},
    {"metaimage", "model", "nifti"},
    {"portions", "volume"},
    {"cases", "centroids", "device", "heatmap", "published_sequence", "sequence"},
    {"landmarks", "tiles"},
    {"spine", "vertebrae", "segmentation"},
    {"pipeline", "preview"},
    {"results", "report"},
    {"losses", "upsampling"},
    {"networks"},
    {"weights"},
    {"checkpoints", "models", "shelf"},
    {"casework"},
    {"crew", "ledger", "manifest", "overview"},
    {"cluster"},
    {"batch", "serve"},
    {"challenge"},
    {"scan", "augment"},
    {"oblique", "recording"},
    {"samples"},
    {"synth"},
    {"subjects"},
    {"feed"},
    {"learner"},
    {"train"},
    {"crossvalidation", "training"},
    {"options"},
    {"cli"},
    {"__main__"},
]

#: The only modules that know Keras or TensorFlow.
KNOW_KERAS = {
    "checkpoints",
    "device",
    "learner",
    "losses",
    "networks",
    "train",
    "upsampling",
    "weights",
}

MODULES = sorted((ROOT / "versectl").rglob("*.py"))


def name_of(path: Path) -> str:
    """Name within the package; everything in synth/ counts as synth."""
    parts = path.relative_to(ROOT / "versectl").with_suffix("").parts
    return "versectl" if parts == ("__init__",) else parts[0]


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


def layer(name: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if name in names)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path):
    name = name_of(path)
    for other in imported(path):
        package, _, rest = other.partition(".")
        if package == "versectl" and rest.split(".")[0] not in ("", "__version__", name):
            assert layer(rest.split(".")[0]) < layer(name), f"{name} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_few_modules_know_keras(path):
    known = {other.split(".")[0] for other in imported(path)}
    if name_of(path) not in KNOW_KERAS:
        assert not known & {"keras", "tensorflow"}


@pytest.mark.parametrize("name", ["cli.py", "options.py"])
def test_the_command_line_loads_click_only(name):
    names = loaded_at_once(ROOT / "versectl" / name) - {"versectl"}
    assert names <= {
        "click",
        "functools",
        "json",
        "logging",
        "re",
        "signal",
        "sys",
        "collections",
        "pathlib",
        "typing",
    }


def test_only_commands_know_the_evaluation():
    for path in MODULES:
        knows = any(other.split(".")[0] == "evaluation" for other in imported(path))
        assert not knows or name_of(path) == "cli"


def test_the_evaluation_needs_no_network():
    for path in (ROOT / "evaluation").rglob("*.py"):
        for other in imported(path):
            assert other.split(".")[0] not in {"keras", "tensorflow"}
            assert not other.startswith(tuple(f"versectl.{name}" for name in KNOW_KERAS))


def test_commands_are_parse_call_write():
    tree = ast.parse((ROOT / "versectl" / "cli.py").read_text())
    commands = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("command" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert commands
    for command in commands:
        assert command.end_lineno - command.lineno + 1 <= 20, command.name
        assert not any(isinstance(node, ast.Try) for node in ast.walk(command)), command.name


def test_every_package_is_in_the_wheel():
    listed = re.search(r"^packages = (\[.*?\])", (ROOT / "pyproject.toml").read_text(), re.M | re.S)
    folders = [
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for top in ("versectl", "evaluation")
        for path in (ROOT / top).rglob("__init__.py")
    ]
    assert sorted([*folders, "versectl_weights"]) == sorted(ast.literal_eval(listed[1]))
