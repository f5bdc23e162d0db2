"""Numbers and kinds of what a synthetic body is made of, beside its vertebrae."""

from types import MappingProxyType

from versectl.labels import ORDER

#: Structure -> kind, one of body.KINDS; numbers follow this order from 30 on.
_KINDS = {
    "tissue": "tissue",
    "fat": "fat",
    "muscle": "muscle",
    "viscera": "tissue",
    "disc": "disc",
    "canal": "canal",
    "rib_left": "bone",
    "rib_right": "bone",
    "costal_cartilage": "cartilage",
    "joint_cartilage": "cartilage",
    "sternum": "bone",
    "clavicle_left": "bone",
    "clavicle_right": "bone",
    "scapula_left": "bone",
    "scapula_right": "bone",
    "humerus_left": "bone",
    "humerus_right": "bone",
    "sacrum": "bone",
    "coccyx": "bone",
    "hip_left": "bone",
    "hip_right": "bone",
    "femur_left": "bone",
    "femur_right": "bone",
    "skull": "bone",
    "mandible": "bone",
    "teeth": "bone",
    "hyoid": "bone",
    "brain": "brain",
    "airway": "gas",
    "lung_left": "lung",
    "lung_right": "lung",
    "heart": "organ",
    "liver": "organ",
    "spleen": "organ",
    "kidney_left": "organ",
    "kidney_right": "organ",
    "stomach": "organ",
    "bowel": "organ",
    "bowel_gas": "gas",
    "bladder": "organ",
    "esophagus": "muscle",
    "aorta": "vessel",
    "vena_cava": "vessel",
    "psoas_left": "muscle",
    "psoas_right": "muscle",
    "paraspinal_left": "muscle",
    "paraspinal_right": "muscle",
    "gluteal_left": "muscle",
    "gluteal_right": "muscle",
    "limb_muscle": "muscle",
    "table": "table",
    "clothing": "clothing",
}

FIRST = 30

NUMBER = MappingProxyType({name: FIRST + i for i, name in enumerate(_KINDS)})

VERTEBRAE = frozenset(ORDER)

#: Structure number -> kind, for every number a body may hold.
KIND = MappingProxyType(
    {0: "air"}
    | dict.fromkeys(ORDER, "vertebra")
    | {NUMBER[name]: kind for name, kind in _KINDS.items()}
)
