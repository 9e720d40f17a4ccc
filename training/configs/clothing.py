"""Ten kinds of clothing: EfficientNet-Lite2 at 260 px, fine-tuned whole and taught by frozen Lite0 and Lite2.

Command:   python -m training train clothing --data DIR && python -m training export runs/clothing
Hardware:  2 CPU cores, 6 GB of memory
Minutes:   35
Expected:  0.89 to 0.92 in three-fold cross-validation over 1,435 pictures; the exported model is fitted on all of them
"""

from training.config import Config

CONFIG = Config(
    name="clothing",
    version=1,
    task="Say which of ten kinds of clothing a photograph shows.",
    labels=("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"),
    dataset="clothing",
    data_name="clothing-dataset-small",
    source="clothing-dataset-small by Alexey Grigorev and contributors, CC0; longest side 256 px",
    intended_use="Demonstrations and tests of image serving; photographs of one garment, worn or laid out.",
    limits=(
        "Answers one of ten classes for any picture, also for one without clothing or with several garments.",
        "Shirts, T-shirts and long sleeves are taken for one another more often than other classes.",
        "Photographs were taken by volunteers at home; shop and catalogue pictures are untested.",
    ),
    backbone="efficientnet-lite2",
    size=260,
    train_size=224,
    epochs=10,
    learning_rate=2e-4,
    class_weights=True,
    teachers=("efficientnet-lite0", "efficientnet-lite2"),
    teacher_share=0.3,
    estimate="cross-validation",
    folds=3,
)
