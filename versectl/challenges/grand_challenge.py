"""The container contract of grand-challenge.org: scans come and results go by HTTP and two folders.

GET /health   200 as soon as this listens: the models are loaded before.
POST /invoke  reads INPUT, writes OUTPUT, then 201; as often as it is asked.

    INPUT/inputs.json                         lists the sockets (input slots)
    INPUT/images/<slug>/*.mha (or *.nii.gz)   the one CT
    OUTPUT/images/<segmentation slug>/<name>.mha
    OUTPUT/<centroids slug>.json              our centroid file; <report slug>.json our report
"""

import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import waitress

from versectl.batch import case as casework
from versectl.batch import outcome
from versectl.batch.case_run import Desk
from versectl.config import STAGES
from versectl.errors import BadInputError, explain, printable
from versectl.io import atomic, case_files, layout, volume
from versectl.io.layout import Case

log = logging.getLogger(__name__)

#: What a server answers a request with.
Reply = tuple[HTTPStatus, dict]


class Sockets(NamedTuple):
    """The folders, and the slugs a challenge gave its sockets; no input slug takes any image."""

    input: Path
    output: Path
    ct: str | None
    segmentation: str
    centroids: str
    report: str


def serve(sockets: Sockets, desk: Desk, host: str, port: int) -> None:
    """Load the models, then answer until terminated."""
    for stage in STAGES:
        desk.models(stage)
    # More than one thread: health must answer while a scan is being worked on.
    server = waitress.create_server(application(sockets, desk), host=host, port=port, threads=4)
    log.info("ready on port %d", port)
    server.run()


def application(sockets: Sockets, desk: Desk) -> Callable:
    """The WSGI application."""
    turn = threading.Lock()

    def answer(environ: dict, start_response: Callable) -> Iterable[bytes]:
        asked = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if asked == ("GET", "/health"):
            status, told = HTTPStatus.OK, {"status": "ready"}
        elif asked == ("POST", "/invoke"):
            with turn:
                status, told = invoke(sockets, desk)
        else:
            status, told = HTTPStatus.NOT_FOUND, {"error": "ask GET /health or POST /invoke"}
        body = json.dumps(told).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return answer


def invoke(sockets: Sockets, desk: Desk) -> Reply:
    """Do the scan in INPUT: 201 when its results are written, else 500 and why."""
    try:
        scan = find_ct(sockets)
        with tempfile.TemporaryDirectory() as folder:
            case = Case("scan", scan)
            done = casework.do(case, replace(desk, out=Path(folder)))
            if done.status != outcome.DONE:
                raise done.error
            hand_over(case_files.Paths(Path(folder), case.name), scan, sockets)
    except Exception as error:
        told = explain(error)
        log.error("%s", printable(str(told)))
        log.debug("Details", exc_info=True)
        body = {"error": str(told), "exit_code": told.exit_code}
        return HTTPStatus.INTERNAL_SERVER_ERROR, body
    log.info("%s", done.line)
    return HTTPStatus.CREATED, {"status": done.line}


def find_ct(sockets: Sockets) -> Path:
    """The one CT in INPUT; BadInputError when there is none or more than one."""
    folder = sockets.input / "images"
    within = folder / sockets.ct if sockets.ct else folder
    found = [file for file in sorted(within.rglob("*")) if file.name.endswith(layout.SUFFIXES)]
    if len(found) != 1:
        raise BadInputError(f"{within} holds {len(found)} scans; one is needed.")
    return found[0]


def hand_over(made: case_files.Paths, scan: Path, sockets: Sockets) -> None:
    """Write the results where the platform looks for them."""
    label_map = volume.read_labels(made.of("segmentation"))
    name = scan.name.removesuffix(next(s for s in layout.SUFFIXES if scan.name.endswith(s)))
    images = sockets.output / "images" / sockets.segmentation
    volume.write(label_map, images / f"{name}.mha")
    for slug, stage in ((sockets.centroids, "vertebrae"), (sockets.report, "report")):
        with atomic.replacing(sockets.output / f"{slug}.json") as temporary:
            shutil.copyfile(made.of(stage), temporary)
