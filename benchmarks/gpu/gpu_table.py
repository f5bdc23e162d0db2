"""What bench_gpu.py found, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import markdown

Part = Mapping[str, Any]

#: Bounds of float32 beside the CPU: Dice of each label, and centres in mm.
LEAST_DICE, FARTHEST_MM = 0.999, 0.1

STEPS = ("load", "read", "spine", "vertebrae", "segmentation", "write")


def text(found: Sequence[Part]) -> str:
    """Tables of all parts."""
    by_name: dict[str, list[Part]] = {}
    for part in found:
        by_name.setdefault(part["part"], []).append(part)
    tables = [TABLES[name](parts) for name, parts in by_name.items() if name in TABLES]
    return "\n\n".join([*tables, verdict(found)]) + "\n"


def is_bad(found: Sequence[Part]) -> bool:
    """Whether a part failed, or float32 answers differ from the CPU's by more than the bounds."""
    alike = [agrees(p) for p in found if p["part"] == "case" and p["precision"] == "float32"]
    return not all(alike) or any(p["part"] == "failed" for p in found)


def agrees(part: Part) -> bool:
    """Whether a case's results are the CPU's within the bounds."""
    beside = part["beside CPU"]
    if beside is None:
        return False
    close = beside["Dice"] >= LEAST_DICE and beside["mm"] <= FARTHEST_MM
    return close and beside["same vertebrae"]


def verdict(found: Sequence[Part]) -> str:
    """In one line whether answers agree."""
    cases = [p for p in found if p["part"] == "case" and p["precision"] == "float32"]
    bounds = f"Dice at least {LEAST_DICE}, centres within {FARTHEST_MM} mm, float32"
    if not cases:
        return f"Answers beside the CPU's ({bounds}): not measured."
    verdicts = ", ".join(f"{p['engine']} {'agrees' if agrees(p) else 'DIFFERS'}" for p in cases)
    return f"Answers beside the CPU's ({bounds}): {verdicts}."


def machine(parts: Sequence[Part]) -> str:
    """Where this was measured."""
    (part,) = parts
    card = part["GPU"] or "NO GPU WAS SEEN: the CPU took its place, these are no GPU's figures"
    versions = ", ".join(f"{name} {version}" for name, version in part["versions"].items())
    sizes = [" x ".join(map(str, part[key])) for key in ("scan", "scans")]
    return (
        f"# A GPU\n\n`make bench-gpu{' SHORT=1' * part['small']}`, {part['date']}: {card}; "
        f"{part['CPU']}; {versions}. A case has {sizes[0]} voxels, a scan of the batch {sizes[1]}. "
        "The card's share is what nvidia-smi says; the network's share is the time of its calls, "
        "copies to the card and back included. One set of CPU results is made while the first "
        "engine starts."
    )


def starts(parts: Sequence[Part]) -> str:
    """Import of each engine."""
    rows = [[p["engine"], p["version"], p["device"], f"{p['import s']:.1f}"] for p in parts]
    return table("Start", ("Engine", "Version", "Device", "import s"), rows)


def cases(parts: Sequence[Part]) -> str:
    """A row per engine, precision and state."""
    first = parts[0]["precision"]
    rows = []
    for part in parts:
        for state in ("cold", "warm"):
            lap = part[state]
            steps = [lap["stages"].get(step, 0.0) for step in STEPS]
            row = [part["engine"], part["precision"], state, f"{lap['wall s']:.2f}"]
            row += [f"{seconds:.2f}" for seconds in (*steps, lap["network s"])]
            row += [number(lap, "card busy %"), number(lap, "card MB"), number(part, "peak MB")]
            rows.append([*row, *beside(part["beside CPU"]), *beside(part[f"beside {first}"])])
    head = ["Engine", "Precision", "", "total s", *STEPS, "in networks", "card busy %", "card MB"]
    head += ["allocated MB", "Dice beside CPU", "mm", f"Dice beside {first}", "mm"]
    return table("One case", head, rows)


def beside(agreement: Part | None) -> list[str]:
    """Least Dice and largest distance; marked where other vertebrae were found."""
    if agreement is None:
        return ["-", "-"]
    other = "" if agreement["same vertebrae"] else " other labels"
    return [f"{agreement['Dice']:.4f}{other}", f"{agreement['mm']:.3f}"]


def number(part: Part, key: str) -> str:
    """A number if there is one."""
    return f"{part[key]:.0f}" if part.get(key) is not None else "-"


def calls(parts: Sequence[Part]) -> str:
    """A row per network and number of boxes."""
    keys = ("engine", "precision", "network", "boxes", "tuned")
    rows = [[*(str(p[key]) for key in keys), f"{p['ms per box']:.1f}"] for p in parts]
    return table("Several boxes at once", (*(k.capitalize() for k in keys), "ms per box"), rows)


def batches(parts: Sequence[Part]) -> str:
    """A row per batch."""
    rows = []
    for part in parts:
        processes = part.get("processes", 1)
        at_a_time = str(part["slots"]) if part["slots"] else "1 computes, 1 is read or written"
        share = 100 * part["network s"] / part["wall s"]
        row = [part["engine"], str(processes), at_a_time, str(part["scans"])]
        row += [f"{part['wall s']:.1f}", f"{part['wall s'] / max(part['scans'], 1):.2f}"]
        row += [f"{share:.0f}", number(part, "card busy %"), number(part, "card MB")]
        rows.append(row)
    head = ["Engine", "Processes", "Cases at a time in each", "Scans", "s", "s per scan"]
    return table("A batch", [*head, "networks' share %", "card busy %", "card MB"], rows)


def limits(parts: Sequence[Part]) -> str:
    """A row per limit."""
    keys = ("unlimited MB", "limit MB", "peak MB")
    rows = [
        [p["engine"], *(number(p, key) for key in keys), f"{p['wall s']:.2f}"]
        + beside(p["beside CPU"])
        for p in parts
    ]
    head = ("Engine", "unlimited, MB", "limit MB", "allocated MB", "s, cold", "Dice", "mm")
    return table("With a limit of GPU memory", head, rows)


def failures(parts: Sequence[Part]) -> str:
    """What did not come to its end."""
    return table("Not finished", ("Engine", "Why"), [[p["engine"], p["error"]] for p in parts])


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with its title."""
    return "\n".join([f"## {title}", "", *markdown.table(head, rows)])


TABLES = {
    "machine": machine,
    "start": starts,
    "case": cases,
    "calls": calls,
    "batch": batches,
    "limit": limits,
    "late": failures,
    "failed": failures,
}
