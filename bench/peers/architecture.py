"""Reads the models of bench/models (and examples/cifar10_cnn.yaml): layers with their shapes, parameters and operations."""

import dataclasses
import math

import yaml


@dataclasses.dataclass
class Layer:
    kind: str  # Keras's class
    config: dict
    inputs: list  # of Layer
    shape: tuple  # of an image's output: (height, width, channels) or (units,)
    weights: dict  # name -> Keras's shape of what is trained
    products: int = 0  # of multiplications with weights, an image's forward pass

    @property
    def source(self):
        return self.inputs[0]


def parameters(layers):
    return sum(math.prod(shape) for layer in layers for shape in layer.weights.values())


def training_flop(layers):
    """Of an image's forward pass and both gradients, as direct sums; nobody needs the gradient of the pixels."""
    weighted = [layer.products for layer in layers if layer.products]
    return 2 * (3 * sum(weighted) - weighted[0])


def read_model(file):
    """The layers in their order."""
    layers, named = [], {}
    for entry in yaml.safe_load(file.read_text())["layers"]:
        kind, config = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
        config = config if isinstance(config, dict) else {"value": config}
        names = config.get("inputs", [])
        inputs = [named[name] for name in ([names] if isinstance(names, str) else names)] or layers[-1:]
        if kind not in SHAPES:
            raise SystemExit(f"{file}: the layer {kind} is not known here.")
        layer = Layer(kind, config, inputs, *SHAPES[kind](config, [each.shape for each in inputs]))
        layers.append(layer)
        named[config.get("name", len(layers))] = layer
    return layers


def convolved(config, inputs):
    (height, width, channels), filters, (rows, columns) = inputs[0], config["filters"], config["kernel_size"]
    strides = config.get("strides", [1, 1])
    lost = (0, 0) if config.get("padding") == "same" else (rows - 1, columns - 1)
    shape = (math.ceil((height - lost[0]) / strides[0]), math.ceil((width - lost[1]) / strides[1]), filters)
    weights = {"kernel": (rows, columns, channels, filters)}
    if config.get("use_bias", True):
        weights["bias"] = (filters,)
    return shape, weights, math.prod(shape) * rows * columns * channels


def dense(config, inputs):
    (units,), outputs = inputs[0], config["units"]
    return (outputs,), {"kernel": (units, outputs), "bias": (outputs,)}, units * outputs


def normalized(_, inputs):
    return inputs[0], {"gamma": inputs[0][-1:], "beta": inputs[0][-1:]}


def pooled(config, inputs):
    rows, columns = config["value"]
    return (inputs[0][0] // rows, inputs[0][1] // columns, inputs[0][2]), {}


def unchanged(_, inputs):
    return inputs[0], {}


SHAPES = {
    "Input": lambda config, _: (tuple(config["value"]), {}),
    "Rescaling": unchanged,
    "Conv2D": convolved,
    "BatchNormalization": normalized,
    "ReLU": unchanged,
    "Dropout": unchanged,
    "Add": unchanged,
    "MaxPooling2D": pooled,
    "GlobalAveragePooling2D": lambda _, inputs: (inputs[0][-1:], {}),
    "Flatten": lambda _, inputs: ((math.prod(inputs[0]),), {}),
    "Dense": dense,
}
