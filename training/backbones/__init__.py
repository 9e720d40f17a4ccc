"""Feature extractors, behind one door: `build_backbone`."""

from training.backbones.efficientnet_lite import VARIANTS, WeightsError, build_backbone, weights_path

__all__ = ["VARIANTS", "WeightsError", "build_backbone", "weights_path"]
