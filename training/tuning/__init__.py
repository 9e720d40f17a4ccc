"""Search for better settings of an experiment: the space, one try of it, the study, and its page."""
