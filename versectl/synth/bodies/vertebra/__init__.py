"""The shape of one vertebra: sample its look, fit it between its neighbours, tell its surface.

person          the table of usual vertebrae, and what those of one person have in common
look            a vertebra's own shape, sampled
fit             what its neighbours leave it room for: end plates and facet joints
surface         how far points are from its surface, from
  vertebral_body, arch, atlas_axis
bridges         bone that joins vertebrae
cast            the shapes of real vertebrae in place of all this
"""

from versectl.synth.bodies.vertebra.fit import Fit, Joint
from versectl.synth.bodies.vertebra.look import Look, sample
from versectl.synth.bodies.vertebra.person import (
    FORM_SD,
    Person,
    alike,
    pedicle_span,
    sample_person,
    usual,
)
from versectl.synth.bodies.vertebra.surface import BOX_MM, canal_center, distance, rippled

__all__ = [
    "BOX_MM",
    "FORM_SD",
    "Fit",
    "Joint",
    "Look",
    "Person",
    "alike",
    "canal_center",
    "distance",
    "pedicle_span",
    "rippled",
    "sample",
    "sample_person",
    "usual",
]
