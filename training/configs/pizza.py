"""Pizza or not: EfficientNet-Lite0 at 224 px, taught by a frozen EfficientNet-Lite2.

Command:   python -m training train pizza --data DIR
Hardware:  2 CPU cores, 3 GB of memory
Minutes:   10
Expected:  accuracy about 0.96 on the test split
"""

from training.config import Config

CONFIG = Config(
    name="pizza",
    version=1,
    task="Say whether a photograph shows pizza.",
    labels=("pizza", "not_pizza"),
    data_name="pizza-not-pizza",
    source="Public Kaggle data set pizza-not-pizza, pictures of the Food-101 set; longest side 256 px",
    intended_use="Demonstrations and tests of image serving; photographs of one dish that fills most of the picture.",
    limits=(
        "Answers one of two classes for any picture, also for drawings, documents and things that are no food.",
        "Flat round dishes (flatbread, quiche, pancakes) are taken for pizza more often than others.",
        "Most photographs in its data are from restaurants and home kitchens; other settings are untested.",
    ),
)
