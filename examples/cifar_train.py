"""A member of an experiment that Keras trains: see keras-members.yaml.

tutti runs this in the member's folder. KERAS_BACKEND chooses the backend; TUTTI_TRAIN_INDICES and TUTTI_VALIDATION_INDICES say which
samples of CIFAR-10's training split are for what, so that the ensemble's weights come from images that no member has learned.
The model is saved as {backend}_{accuracy}_model.h5, and history.csv tells `tutti status` how it goes.
"""
import os
import pathlib

import numpy as np


def load_training_split():
    """x uint8 (50000, 32, 32, 3), y int (50000,): from $TUTTI_DATA/cifar-10-batches-bin, else downloaded by Keras."""
    folder = pathlib.Path(os.environ.get("TUTTI_DATA", "")) / "cifar-10-batches-bin"
    if not folder.is_dir():
        from keras.datasets import cifar10
        (x, y), _ = cifar10.load_data()
        return x, y.reshape(-1)
    rows = np.concatenate([np.fromfile(folder / f"data_batch_{i}.bin", np.uint8).reshape(-1, 3073) for i in range(1, 6)])
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0].astype("int64")


def build_model():
    from keras import Sequential, layers
    return Sequential([
        layers.Input((32, 32, 3)),
        layers.Conv2D(32, 3, padding="same", activation="relu"), layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Dropout(0.25),
        layers.Conv2D(64, 3, padding="same", activation="relu"), layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Dropout(0.25),
        layers.Flatten(), layers.Dense(512, activation="relu"), layers.Dropout(0.5), layers.Dense(10, activation="softmax"),
    ])


def main():
    import keras
    from keras.callbacks import CSVLogger, EarlyStopping
    keras.utils.set_random_seed(int(os.environ["TUTTI_SEED"]))
    x, y = load_training_split()
    train = np.load(os.environ["TUTTI_TRAIN_INDICES"])
    validation = np.load(os.environ["TUTTI_VALIDATION_INDICES"])
    model = build_model()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[train].astype("float32") / 255, y[train], batch_size=32, epochs=int(os.environ.get("EPOCHS", "50")), verbose=2,
              validation_data=(x[validation].astype("float32") / 255, y[validation]),
              callbacks=[CSVLogger("history.csv"), EarlyStopping(patience=3, restore_best_weights=True)])
    accuracy = model.evaluate(x[validation].astype("float32") / 255, y[validation], verbose=0)[1]
    model.save(f"{keras.backend.backend()}_{accuracy}_model.h5")


if __name__ == "__main__":
    main()
