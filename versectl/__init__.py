"""versectl finds, labels and segments every vertebra in a CT.

>>> import versectl
>>> ct = versectl.read_ct("scan.nii.gz")                        # doctest: +SKIP
>>> result = versectl.run(ct, versectl.load_models())           # doctest: +SKIP
>>> versectl.save(result, "results", name="scan")               # doctest: +SKIP

What is heavy loads when it is first used.
"""

from typing import TYPE_CHECKING

from versectl.version import __version__

if TYPE_CHECKING:
    from versectl.api import (
        CT,
        BadInputError,
        BusyError,
        Curvature,
        DeviceError,
        Engine,
        Flag,
        Measures,
        Models,
        Numbering,
        OtherNumbering,
        OutputError,
        Result,
        Spine,
        VersectlError,
        Vertebra,
        WeightsError,
        evaluate,
        load_models,
        read_ct,
        run,
        save,
    )

__all__ = [
    "CT",
    "BadInputError",
    "BusyError",
    "Curvature",
    "DeviceError",
    "Engine",
    "Flag",
    "Measures",
    "Models",
    "Numbering",
    "OtherNumbering",
    "OutputError",
    "Result",
    "Spine",
    "VersectlError",
    "Vertebra",
    "WeightsError",
    "__version__",
    "evaluate",
    "load_models",
    "read_ct",
    "run",
    "save",
]


def __getattr__(name: str) -> object:
    """A name of the public API, loaded when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from versectl import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
