"""The stages as Payer et al. 2020 published them and as released for VerSe 2019."""

from versectl.stages.published import segmentation, spine, vertebrae

__all__ = ["segmentation", "spine", "vertebrae"]
