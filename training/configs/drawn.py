"""Five kinds of drawings: a small network from nothing, in seconds, to try a pipeline or a cluster on.

Command:   python -m training train drawn && python -m training export runs/drawn
Hardware:  2 CPU cores, 1 GB of memory
Minutes:   0.5
Expected:  1.00 on the test split, about 45 drawings that no two people would confuse
"""

from training.config import Config

CONFIG = Config(
    name="drawn",
    version=1,
    task="Say which of five kinds of drawing a picture shows.",
    labels=("pizza", "salad", "sky", "blocks", "garment"),
    dataset="drawn",
    data_name="drawn",
    source="Drawn by training/artefact/drawings.py",
    intended_use="Trying the way from pictures to a commit; nobody needs its answers.",
    limits=("Knows drawings of this project alone.",),
    backbone="small-cnn",
    size=40,
    train_size=40,
    weights=None,
    augmentation="light",
    epochs=4,
    batch=16,
    learning_rate=3e-3,
    ema=0.8,
)
