"""Training: from a folder of photographs to a model directory by contract 1 (run `python -m training --help`)."""
