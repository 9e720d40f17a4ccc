"""Flask gateway: pictures in, class probabilities out."""
