"""Places on a straight spine, drawn for the tests of labelling."""

import numpy as np

from versectl import labels
from versectl.stages.labelling import Candidate


def candidate(z_mm: float, response: float = 1.0, **shares: float) -> Candidate:
    """A place at a height with responses under some names."""
    responses = dict.fromkeys(labels.CHANNELS, 0.0)
    responses.update({labels.NUMBERS[name]: share * response for name, share in shares.items()})
    return Candidate(np.array([0.0, 0.0, z_mm]), response, responses)
