"""One case from its files to its files: what stays, what is computed, written and reported.

    run        what becomes of a case: decide, compute, hand over to be written
    reuse      what of it is there already and need not be computed
    results    what is written, all at once, and what is recorded of it
    exports    what other formats show, and which of them are there
    forecast   what would become of it
    failures   what is said when it fails
    steps      the steps of a case as they begin

Nothing is computed that is there already: a result that the user made or changed, or one that the
same weights made of the same CT and of the same preceding result.
"""

from versectl.batch.case_run.failures import failure, without_folder
from versectl.batch.case_run.forecast import failed_before, forecast, is_finished
from versectl.batch.case_run.run import do, give_up

__all__ = ["do", "failed_before", "failure", "forecast", "give_up", "is_finished", "without_folder"]
