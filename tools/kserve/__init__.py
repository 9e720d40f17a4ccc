"""KServe's controller on a cluster that can pull no image: compiled from its Go module, installed as it is released."""
