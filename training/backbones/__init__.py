"""Feature extractors, behind one door: `build_backbone`."""

from training.backbones.efficientnet_lite import VARIANTS, weights_path
from training.backbones.table import BACKBONES, Backbone, build_backbone
from training.backbones.weights import WeightsError

__all__ = ["BACKBONES", "VARIANTS", "Backbone", "WeightsError", "build_backbone", "weights_path"]
