"""Feed damaged files to every reader: each is read, or refused in one line; nothing else.

usage: python tests/fuzz.py [FILES OF EACH KIND]

The readers run in a process of their own, so that a crash in a library or a hang is counted, not
suffered. Prints a table; exit code 1 when a reader crashed, hung or failed by accident.
"""

import csv
import gzip
import json
import logging
import multiprocessing
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from mutation import mutate

from versectl import geometry
from versectl.batch import selection
from versectl.errors import VersectlError, explain
from versectl.io import case_files, centroids, challenge_centroids, volume
from versectl.report import reading
from versectl.types import Known

#: Longer than any file of this size may take.
HANG_S = 20.0

#: A header that promises terabytes must be refused, not believed.
MEMORY_BYTES = 6 * 2**30


class Kind(NamedTuple):
    """A kind of file: its whole form, how much of it is header, and who reads it."""

    suffix: str
    content: bytes
    header_bytes: int
    read: Callable[[Path], object]
    pack: Callable[[bytes], bytes] = bytes


def kinds(folder: Path) -> dict[str, Kind]:
    """All kinds, by name; a small CT in every format, and the JSON and CSV that go with it."""
    ct = drawn()
    as_read = volume.CT.of(ct)
    found = {}
    for name, suffix, packed, header in (
        ("NIfTI", ".nii", False, 352),
        ("NRRD", ".nrrd", False, 330),
        ("NRRD, packed", ".nrrd", True, 350),
        ("MetaImage", ".mha", False, 330),
        ("MetaImage, packed", ".mha", True, 350),
    ):
        path = folder / f"whole{suffix}"
        sitk.WriteImage(ct, str(path), useCompression=packed)
        found[name] = Kind(suffix, path.read_bytes(), header, volume.read_ct)
    plain = found["NIfTI"]
    found["NIfTI, packed badly"] = plain._replace(
        suffix=".nii.gz", content=gzip.compress(plain.content)
    )
    found["NIfTI, packed well"] = plain._replace(suffix=".nii.gz", pack=gzip.compress)
    direction = {"direction": ["P", "I", "R"]}
    points = [{"label": label, "X": 4.5, "Y": 4, "Z": 2.25} for label in (19, 20, 28)]
    report = {
        "schema_version": 2,
        "status": "done",
        "vertebrae": [{"label": 20, "center_mm": [1, 2, 3], "peak": 0.9}],
        "files": {"a_ctd.json": {"sha256": "b"}},
        "input": {"sha256": "c"},
        "seconds": {"read": 1.5},
        "peak_memory_mb": 100,
        "versions": {"versectl": "1"},
    }
    rows = "case,ct\na,a_ct.nii.gz\nb,b/b_ct.nii.gz\n"
    spine = {"center_mm": list(geometry.center(ct)), "peak": 0.9}
    texts = {
        "centroids": (
            json.dumps([direction, *points]),
            lambda p: case_files.read(Known(), "vertebrae", as_read, p),
        ),
        "centroids, 2019": (
            json.dumps(points),
            lambda p: challenge_centroids.read_points(p, ct, "verse19"),
        ),
        "centroids, as ours": (json.dumps([direction, *points]), centroids.read),
        "spine": (json.dumps(spine), lambda path: case_files.read(Known(), "spine", as_read, path)),
        "report": (json.dumps(report), reading.read),
        "manifest": (rows, lambda path: selection.read_manifest(path, folder)),
    }
    if find_spec("pydicom"):
        found["DICOM"] = Kind(".dcm", multi_frame_dicom(), 2500, volume.read_ct)
    for name, (text, read) in texts.items():
        found[name] = Kind(".json", text.encode(), len(text), read)
    return found


def drawn() -> sitk.Image:
    """A small CT, lopsided and oblique."""
    rng = np.random.default_rng(0)
    values = rng.integers(-1000, 1500, (5, 6, 7)).astype(np.int16)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((4.5, 5.0, 5.5))
    image.SetOrigin((-10.0, 4.0, 30.0))
    image.SetDirection((0, 0, -1, 1, 0, 0, 0, -1, 0))
    return image


def multi_frame_dicom() -> bytes:
    """A small CT in one DICOM file."""
    import dicom_series

    buffer = BytesIO()
    dicom_series.enhanced(dicom_series.datasets()).save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def verdict(read: Callable[[Path], object], path: Path) -> str:
    """What a reader makes of a file: read, refused, or a failure's name."""
    try:
        read(path)
    except Exception as error:
        told = explain(error)
        good = isinstance(told, VersectlError) and told.exit_code in (3, 5)
        return "refused" if good else f"{type(error).__name__}: {error}"[:200]
    return "read"


def serve(line: "multiprocessing.connection.Connection", folder: Path) -> None:
    """The readers' process: (kind, path) in, verdict out."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    logging.disable()  # what a file lacks is told to its user; here the verdict counts
    known = kinds(folder)
    while True:
        kind, path = line.recv()
        line.send(verdict(known[kind].read, path))


class Readers:
    """The readers' process, replaced when it dies or hangs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.line, self.process = folder, None, None

    def judge(self, kind: str, path: Path) -> str:
        """The verdict on a file."""
        if self.process is None or not self.process.is_alive():
            self._start()
        try:
            self.line.send((kind, path))
            if self.line.poll(HANG_S):
                return self.line.recv()
        except (EOFError, OSError):
            self.process.join()
            return f"crash, exit code {self.process.exitcode}"
        self.close()
        return f"hang, longer than {HANG_S:g} s"

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.folder), daemon=True)
        self.process.start()
        theirs.close()


def run(count: int, folder: Path, seed: int = 0) -> dict[str, Counter]:
    """Kind -> how often each verdict fell, for so many files of each kind."""
    (folder / "whole").mkdir()
    readers = Readers(folder / "whole")
    tally = {}
    for name, kind in kinds(folder / "whole").items():
        rng = np.random.default_rng([seed, len(tally)])
        path = folder / f"damaged{kind.suffix}"
        tally[name] = Counter()
        for number in range(count):
            content = mutate(kind.content, rng, kind.header_bytes)
            path.write_bytes(kind.pack(content))
            found = readers.judge(name, path)
            tally[name][found] += 1
            if found not in ("read", "refused"):
                path.rename(folder / f"bad-{len(tally)}-{number}{kind.suffix}")
    readers.close()
    return tally


def main() -> int:
    """Print the table; 1 when anything but reading and refusing happened."""
    count = int(sys.argv[1]) if sys.argv[1:] else 1000
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    tally = run(count, folder)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(("kind", "files", "read", "refused", "other"))
    for name, found in tally.items():
        other = {k: n for k, n in found.items() if k not in ("read", "refused")}
        row = (name, found.total(), found["read"], found["refused"], sum(other.values()))
        table.writerow(row)
        for what, times in other.items():
            print(f"  {times} x {what}; the files are in {folder}")
    files = sum(found.total() for found in tally.values())
    bad = files - sum(found["read"] + found["refused"] for found in tally.values())
    print(f"{files} files, {bad} neither read nor refused")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
