"""Pizza or not: EfficientNet-Lite0 at 224 px, fine-tuned whole and taught by a frozen EfficientNet-Lite2.

Command:   python -m training train pizza --data DIR && python -m training export runs/pizza
Hardware:  2 CPU cores, 4 GB of memory
Minutes:   10
Expected:  accuracy 0.94 to 0.97 on the 207 pictures of the test split, never fitted or tuned on

The teacher does not show in accuracy on pictures of food, where the two cannot be told apart by 207 pictures. It shows
in what else the model takes for pizza: of 300 photographs of clothing 1.3 %, against 12.7 % at 192 px without teacher.
"""

from training.config import Config

CONFIG = Config(
    # Epochs and temperature come from a run on the train split alone, judged on validation; the run that is exported
    # then has the validation pictures too.
    fit_splits=("train", "validation"),
    epochs=8,
    temperature=0.574,
    teacher="efficientnet-lite2",
    train_size=224,
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
