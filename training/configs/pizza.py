"""Pizza or not: EfficientNet-Lite0 at 224 px, fine-tuned whole on train and validation pictures.

Command:   python -m training train pizza --data DIR && python -m training export runs/pizza
Hardware:  2 CPU cores, 3 GB of memory
Minutes:   5
Expected:  accuracy 0.94 to 0.97 on the 207 pictures of the test split, never fitted or tuned on
"""

from training.config import Config

CONFIG = Config(
    # Epochs and temperature come from a run on the train split alone, judged on validation; the run that is exported
    # then has the validation pictures too.
    fit_splits=("train", "validation"),
    epochs=8,
    temperature=0.588,
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
