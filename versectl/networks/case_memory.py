"""The memory that a case will need, estimated from the size of its CT before any work begins.

The figures are for the default networks; they were measured as docs/performance.md says ("Memory").
"""

import math

from versectl.errors import OutOfMemoryError
from versectl.networks.split_inference import HALVINGS

#: What the program, its libraries and the weights take, GB: of the engines the one that takes most.
BASE_GB = 0.9

#: What a voxel of the scan takes while it is read, computed and written.
BYTES_PER_VOXEL = 4.2

#: What a network takes on top while it answers whole, GB.
NETWORK_GB = 0.4


def halvings(size_vox: tuple[int, ...], limit_gb: float) -> int:
    """How often networks' inputs must be halved for a case to stay within a limit.

    Raises OutOfMemoryError when even the smallest parts do not fit.
    """
    for times in range(HALVINGS + 1):
        if needed_gb(size_vox, times) <= limit_gb:
            return times
    raise OutOfMemoryError(
        f"its {' x '.join(map(str, size_vox))} voxels need about "
        f"{needed_gb(size_vox, HALVINGS):.1f} GB of memory, more than --memory-gb {limit_gb:g}; "
        "crop the scan or raise the limit."
    )


def needed_gb(size_vox: tuple[int, ...], halvings: int) -> float:
    """Memory that a case of a size needs with its networks' inputs halved so often."""
    return BASE_GB + math.prod(size_vox) * BYTES_PER_VOXEL / 1e9 + NETWORK_GB / 2**halvings
