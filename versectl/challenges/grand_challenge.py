"""The container contract of grand-challenge.org: scans come and results go by HTTP and two folders.

GET /health   200 as soon as this listens, which is when the models are loaded.
POST /invoke  reads INPUT, writes OUTPUT, then 201; 503 while an earlier call is in work.

    INPUT/inputs.json                         lists the sockets (input slots)
    INPUT/images/<slug>/*.mha (or *.nii.gz)   the one CT
    OUTPUT/images/<segmentation slug>/<name>.mha
    OUTPUT/<centroids slug>.json              our centroid file; <report slug>.json our report

What an earlier call has left in OUTPUT is removed first, so that a failure leaves nothing.
"""

import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import waitress

from versectl.batch import case_run, outcome
from versectl.batch.job import Job
from versectl.challenges.sockets import Sockets
from versectl.config import STAGES
from versectl.errors import BadInputError, VersectlError, explain
from versectl.io import atomic, case_files, layout, volume
from versectl.io.layout import Case
from versectl.text import printable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

#: What a server answers a request with.
Reply = tuple[HTTPStatus, dict[str, object]]


def serve(sockets: Sockets, job: Job, host: str, port: int) -> None:
    """Load the models, then answer until terminated."""
    for stage in STAGES:
        job.models.model(stage)
    # More than one thread: health must answer while a scan is in work.
    server = waitress.create_server(application(sockets, job), host=host, port=port, threads=4)
    log.info("ready on port %d", port)
    server.run()


def application(sockets: Sockets, job: Job) -> "WSGIApplication":
    """The WSGI application."""
    turn = threading.Lock()

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        asked = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if asked == ("GET", "/health"):
            reply: Reply = HTTPStatus.OK, {"status": "ready"}
        elif asked == ("POST", "/invoke"):
            reply = _in_turn(turn, sockets, job)
        else:
            reply = HTTPStatus.NOT_FOUND, {"error": "ask GET /health or POST /invoke"}
        status, content = reply
        body = json.dumps(content).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return answer


def invoke(sockets: Sockets, job: Job) -> Reply:
    """Process the scan in INPUT: 201 when its results are written, else 500 and why."""
    try:
        clear(sockets)
        scan = find_ct(sockets)
        with tempfile.TemporaryDirectory() as folder:
            case = Case("scan", scan)
            done = case_run.do(case, replace(job, out=Path(folder)))
            if done.status != outcome.DONE:
                raise done.error or VersectlError(done.line)
            hand_over(case_files.Paths(Path(folder), case.name), scan, sockets)
    except Exception as error:
        clear(sockets)
        return _failure(explain(error))
    log.info("%s", done.line)
    return HTTPStatus.CREATED, {"status": done.line}


def clear(sockets: Sockets) -> None:
    """Remove the results of an earlier call."""
    for file in (*sockets.masks.glob("*.mha"), *map(sockets.file, _slugs(sockets))):
        file.unlink(missing_ok=True)


def find_ct(sockets: Sockets) -> Path:
    """The one CT in INPUT; BadInputError when there is none or more than one."""
    folder = sockets.input / "images"
    within = folder / sockets.ct if sockets.ct else folder
    found = [file for file in sorted(within.rglob("*")) if layout.suffix(file.name)]
    if len(found) != 1:
        raise BadInputError(f"{within} holds {len(found)} scans; one is needed.")
    return found[0]


def hand_over(made: case_files.Paths, scan: Path, sockets: Sockets) -> None:
    """Write the results where the platform looks for them."""
    segmentation = made.of("segmentation")
    label_map, placed = volume.read_labels(segmentation), volume.read_placement(segmentation)
    name = scan.name.removesuffix(layout.suffix(scan.name) or "")
    volume.write(label_map, sockets.masks / f"{name}.mha", placed)
    for slug, stage in _slugs(sockets).items():
        with atomic.replacing(sockets.file(slug)) as temporary:
            shutil.copyfile(made.of(stage), temporary)


def _slugs(sockets: Sockets) -> dict[str, str]:
    """Slug of each JSON file -> which of our files it is."""
    return {sockets.centroids: "vertebrae", sockets.report: "report"}


def _in_turn(turn: threading.Lock, sockets: Sockets, job: Job) -> Reply:
    """One call at a time: another is refused, so that health always finds a free thread."""
    if not turn.acquire(blocking=False):
        return HTTPStatus.SERVICE_UNAVAILABLE, {"error": "a scan is in work; ask again later"}
    try:
        return invoke(sockets, job)
    finally:
        turn.release()


def _failure(error: VersectlError) -> Reply:
    log.error("%s", printable(str(error)))
    log.debug("Details", exc_info=True)
    content: dict[str, object] = {"error": str(error), "exit_code": error.exit_code}
    return HTTPStatus.INTERNAL_SERVER_ERROR, content
