"""Pizza or not: EfficientNet-Lite2 at 260 px, half way between its ImageNet weights and those fine-tuned on pizza.

Command:   python -m training train pizza --data DIR && python -m training export runs/pizza
Hardware:  2 CPU cores, 6 GB of memory
Minutes:   45
Expected:  0.95 to 0.965 in five-fold cross-validation over 1,574 pictures; the exported model is fitted on all of them

Fine-tuned weights alone are worse than the frozen backbone here (log loss 0.123 against 0.112); between the two lies
the best (docs/training.md has the table). The teachers, frozen features of Lite0 and Lite2, do not show much in
accuracy on pictures of food, but in what else is taken for pizza: with EfficientNet-Lite0, of 300 photographs of
clothing, 1.3 % against 12.7 % without a teacher.
"""

from training.config import Config

CONFIG = Config(
    name="pizza",
    version=2,
    task="Say whether a photograph shows pizza.",
    labels=("pizza", "not_pizza"),
    dataset="pizza",
    data_name="pizza-not-pizza",
    source="Public Kaggle data set pizza-not-pizza, pictures of the Food-101 set; longest side 256 px",
    intended_use="Demonstrations and tests of image serving; photographs of one dish that fills most of the picture.",
    limits=(
        "Answers one of two classes for any picture, also for drawings, documents and things that are no food.",
        "Flat round dishes (flatbread, quiche, pancakes) are taken for pizza more often than others.",
        "Most photographs in its data are from restaurants and home kitchens; other settings are untested.",
    ),
    backbone="efficientnet-lite2",
    size=260,
    train_size=224,
    epochs=8,
    tuned_share=0.4,
    teachers=("efficientnet-lite0", "efficientnet-lite2"),
    estimate="cross-validation",
)
