"""The viewer's script, NiiVue, as the package ipyniivue has it: none of it is part of versectl.

ipyniivue's widget.js holds the whole of NiiVue once more as a percent-encoded string, for its own
saved pages. Decoded it is an ES module without imports that exports Niivue and NVImage.
"""

import base64
import gzip
import importlib.util
import urllib.parse
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = "ipyniivue"

#: The percent-encoded ";export{" that ends the module, and two names that it exports.
EXPORTS = "%3Bexport%7B"
NEEDED = ("Niivue", "NVImage")


@dataclass(frozen=True)
class Viewer:
    """script : NiiVue as ES module, gzip in base64; empty where problem says what to do."""

    script: str = ""
    version: str = ""
    notice: str = ""
    problem: str = ""


@cache
def load() -> Viewer:
    """NiiVue from the installed ipyniivue, or why it cannot be had."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        return Viewer(problem="The viewer is not installed: pip install 'versectl[report]'.")
    distribution = metadata.distribution(PACKAGE)
    version = f"{PACKAGE} {distribution.version}"
    try:
        written = (Path(found.origin).parent / "static" / "widget.js").read_text(encoding="utf-8")
        script = module(written)
    except (OSError, ValueError) as error:
        problem = f"{version} holds no viewer that versectl knows ({error}): "
        return Viewer(problem=f"{problem}pip install 'versectl[report]'.")
    packed = base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()
    notice = distribution.read_text("licenses/LICENSE") or ""
    return Viewer(packed, version, notice)


def module(widget: str) -> str:
    """NiiVue's ES module within ipyniivue's script; ValueError when it is not there."""
    marker = widget.rfind(EXPORTS)
    begin, end = widget.rfind('"', 0, marker), widget.find('"', marker)
    if marker < 0 or begin < 0 or end < 0:
        raise ValueError("no encoded module")
    script = urllib.parse.unquote(widget[begin + 1 : end])
    exported = script[script.rfind("export{") :]
    missing = [name for name in NEEDED if name not in exported]
    if missing:
        raise ValueError(f"it does not export {', '.join(missing)}")
    return script
