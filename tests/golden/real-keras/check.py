"""Loads what write_cases.cpp wrote in the Keras that is installed, 2.0 to 3, and compares.

    check.py FOLDER [CASE...]

A line for each difference; README.md says which are Keras's own.
"""
import glob
import json
import os
import sys

import keras
import numpy as np
from keras import backend

VERSION = tuple(int(part) for part in keras.__version__.split(".")[:2])
THEANO = backend.backend() == "theano"
right = wrong = 0


def report(case, what, problem):
    """problem: a text, or None where all is well."""
    global right, wrong
    right += problem is None
    wrong += problem is not None
    if problem:
        print("FAIL %s %s: %s" % (case, what, problem), flush=True)


def attempt(case, what, check):
    try:
        report(case, what, check())
    except Exception as error:  # whatever Keras raises is the result
        report(case, what, ("%s: %s" % (type(error).__name__, error)).splitlines()[0][:200])


def difference(got, expected):
    got, expected = np.asarray(got, "f8"), np.asarray(expected, "f8")
    if got.shape != expected.shape:
        return "shape %s instead of %s" % (got.shape, expected.shape)
    worst = (np.abs(got - expected) / (1 + np.abs(expected))).max()
    return None if worst < 1e-5 else "off by %.3g" % worst


def check_case(folder):
    case = os.path.basename(folder)
    info = json.load(open(folder + "/info.json"))
    x, y, predicted = (np.load("%s/%s.npy" % (folder, name)) for name in ("x", "y", "predicted"))
    if VERSION < (3, 0) and y.dtype == np.int32:
        y = y.reshape(-1, 1)

    def load(name, **options):
        return keras.models.load_model("%s/%s.h5" % (folder, name), **options)

    def predictions(model):
        return difference(model.predict(x, verbose=0), predicted)

    def training(name):
        model = load(name)
        step = getattr(model.optimizer, "iterations", None)
        has_step = VERSION >= (2, 3) or type(model.optimizer).__name__ not in ("RMSprop", "Adagrad")
        to_numpy = np.array if VERSION >= (3, 0) else backend.get_value
        if step is not None and has_step and int(to_numpy(step)) != info["step"]:
            return "step %s instead of %s" % (int(to_numpy(step)), info["step"])
        rate = model.optimizer.learning_rate if hasattr(model.optimizer, "learning_rate") else model.optimizer.lr
        if abs(float(to_numpy(rate)) - info["rate"]) > 1e-7:
            return "learning rate %s instead of %s" % (float(to_numpy(rate)), info["rate"])
        loss = model.evaluate(x, y, verbose=0)
        return difference(loss[0] if isinstance(loss, list) else loss, info["loss"])

    if VERSION >= (3, 0):
        dialects = ["portable", "keras3"]
    elif VERSION >= (2, 2):
        dialects = ["portable", "keras20"]
    else:
        dialects = ["keras20"] if info["sequential"] else ["portable", "keras20"]
    for name in dialects:
        attempt(case, name, lambda: predictions(load(name, compile=False)))
        attempt(case, name + " compiled", lambda: training(name))

    def weights(name):
        if VERSION >= (3, 0):
            model = keras.models.model_from_json(open(folder + "/model.json").read())
        else:
            model = load(dialects[0], compile=False)
        model.set_weights([np.zeros_like(value) + 0.1 for value in model.get_weights()])
        model.load_weights("%s/%s" % (folder, name))
        return predictions(model)

    for name in ["w.h5"] + (["w.weights.h5"] if VERSION >= (3, 0) else []):
        attempt(case, name, lambda: weights(name))


root = sys.argv[1]
for path in [os.path.join(root, name) for name in sys.argv[2:]] or sorted(glob.glob(root + "/*")):
    check_case(path)
print("Keras %s: %d right, %d wrong" % (keras.__version__, right, wrong))
