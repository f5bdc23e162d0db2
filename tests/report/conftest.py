"""A report of the drawn scan, for those that write reports and those that read them."""

import pytest
from phantoms import CENTERS_MM

from versectl.io.volume import CT
from versectl.report import case_report
from versectl.report.case_report import Record
from versectl.report.provenance import USER, Origin
from versectl.types import Numbering, OtherNumbering, Result, Spine, Vertebra, Vertebrae

NUMBERING = Numbering(0.4, OtherNumbering((18, 19, None), None, 0.35), ("last_rib",))


@pytest.fixture
def report(label_map, ct):
    found = {label: Vertebra(center, 0.9) for label, center in CENTERS_MM.items()}
    result = Result(Spine(CENTERS_MM[20], 0.8), Vertebrae(found, NUMBERING), label_map)
    record = Record("a_ct.nii.gz", "1" * 64, {"a_ctd.json": Origin("2" * 64, USER, "1" * 64)})
    return case_report.done("a", CT.of(ct), result, record)
