"""Ten garments in grey at 28 px: EfficientNet-Lite0 on the picture enlarged to 112 px in the graph, fine-tuned whole.

Command:   python -m training train fashion-mnist --data DIR && python -m training export runs/fashion-mnist
Hardware:  2 CPU cores, 4 GB of memory
Minutes:   20
Expected:  0.85 to 0.88 in five-fold cross-validation over 750 pictures; the exported model is fitted on all of them
"""

from training.config import Config

CONFIG = Config(
    name="fashion-mnist",
    version=1,
    task="Say which of ten kinds of clothing a grey catalogue picture of 28 x 28 pixels shows.",
    labels=("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"),
    dataset="fashion-mnist",
    data_name="fashion-mnist",
    source="Fashion-MNIST by Zalando Research, MIT licence; 75 pictures a class",
    intended_use="Demonstrations and tests of image serving; light garments on black, centred, 28 x 28 pixels.",
    limits=(
        "Answers one of ten classes for any picture; photographs are reduced to 28 x 28 pixels and mean nothing to it.",
        "A dark garment on a light ground is the negative of what it was trained on.",
        "Shirts, T-shirts, pullovers and coats are taken for one another more often than other classes.",
    ),
    backbone="efficientnet-lite0",
    size=28,
    train_size=28,
    inner_size=112,
    augmentation="small",
    epochs=30,
    learning_rate=3e-4,
    ema=0.99,
    dropout=0.3,
    estimate="cross-validation",
)
