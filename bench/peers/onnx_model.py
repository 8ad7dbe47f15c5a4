#!/usr/bin/python3
"""Writes a model of bench/models as ONNX, for inference: onnx_model.py MODEL.yaml OUTPUT.onnx [--seed N]

Needs Debian's python3-onnx. Input "pixels" is uint8 (batch, 3, 32, 32), output "probabilities" float32 (batch, 10), for any batch.
The weights are random (Glorot uniform), as of a model that is only timed. Prints how many of them training would change.
"""

import argparse
import math
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from architecture import read_model

OPSET, IR_VERSION = 15, 8  # old enough for every ONNX Runtime of these years


class Writer:
    def __init__(self, seed):
        self.random = numpy.random.default_rng(seed)
        self.nodes, self.constants = [], []
        self.parameters = 0

    def node(self, kind, inputs, **attributes):
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, array, trained=True):
        self.parameters += array.size if trained else 0
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(array, dtype=numpy.float32), name))
        return name

    def kernel(self, shape):
        """Of Keras's shape, inputs and outputs last."""
        limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
        return self.random.uniform(-limit, limit, shape)

    def convolution(self, layer, inputs):
        height, width, _ = layer.source.shape
        strides, (rows, columns) = layer.config.get("strides", [1, 1]), layer.config["kernel_size"]
        pads = [0, 0, 0, 0]
        if layer.config.get("padding") == "same":  # the odd row and column go to the end
            lost = [(layer.shape[0] - 1) * strides[0] + rows - height, (layer.shape[1] - 1) * strides[1] + columns - width]
            lost = [max(0, each) for each in lost]
            pads = [lost[0] // 2, lost[1] // 2, (lost[0] + 1) // 2, (lost[1] + 1) // 2]
        operands = [*inputs, self.constant(self.kernel(layer.weights["kernel"]).transpose(3, 2, 0, 1))]
        if "bias" in layer.weights:
            operands.append(self.constant(numpy.zeros(layer.weights["bias"])))
        return self.node("Conv", operands, kernel_shape=[rows, columns], strides=strides, pads=pads)

    def normalization(self, layer, inputs):
        ones, zeros = numpy.ones(layer.weights["gamma"]), numpy.zeros(layer.weights["beta"])
        affine, statistics = map(self.constant, (ones, zeros)), (self.constant(each, trained=False) for each in (zeros, ones))
        return self.node("BatchNormalization", [*inputs, *affine, *statistics], epsilon=1e-3)

    def dense(self, layer, inputs):
        operands = [self.constant(self.kernel(layer.weights["kernel"])), self.constant(numpy.zeros(layer.weights["bias"]))]
        return self.node("Gemm", [*inputs, *operands])

    def rescaling(self, layer, inputs):
        floats = self.node("Cast", inputs, to=TensorProto.FLOAT)
        return self.node("Mul", [floats, self.constant(numpy.float32(1 / 255), trained=False)])

    def pooling(self, layer, inputs):
        return self.node("MaxPool", inputs, kernel_shape=layer.config["value"], strides=layer.config["value"])

    def layer(self, layer, inputs):
        writers = {"Conv2D": self.convolution, "BatchNormalization": self.normalization, "Dense": self.dense,
                   "Rescaling": self.rescaling, "MaxPooling2D": self.pooling}
        plain = {"ReLU": ["Relu"], "Add": ["Add"], "Flatten": ["Flatten"], "Dropout": [],
                 "GlobalAveragePooling2D": ["GlobalAveragePool", "Flatten"]}
        if layer.kind in writers:
            inputs = [writers[layer.kind](layer, inputs)]
        for kind in plain.get(layer.kind, []):
            inputs = [self.node(kind, inputs)]
        activation = {"relu": "Relu", "softmax": "Softmax"}.get(layer.config.get("activation"))
        return self.node(activation, inputs) if activation else inputs[0]


def write(layers, seed):
    """The model of `layers`, and how many parameters it has."""
    writer, outputs = Writer(seed), {id(layers[0]): "pixels"}
    for layer in layers[1:]:
        outputs[id(layer)] = writer.layer(layer, [outputs[id(each)] for each in layer.inputs])
    writer.nodes[-1].output[0] = "probabilities"
    height, width, channels = layers[0].shape
    graph = helper.make_graph(
        writer.nodes, "model",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", channels, height, width])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", *layers[-1].shape])],
        writer.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return model, writer.parameters


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model, parameters = write(read_model(options.model), options.seed)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(options.output))
    print(parameters)


if __name__ == "__main__":
    main()
