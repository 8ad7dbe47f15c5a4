#!/usr/bin/python3
"""ONNX Runtime as a contender of compare.py, from Python's onnxruntime: onnxruntime_worker.py MODEL.onnx THREADS

Answers to "infer BATCH" and "memory" of protocol.py.
"""

import sys

import numpy
import onnxruntime

from protocol import serve

CLASSES = 10


def check_probabilities(output, batch):
    if output.shape != (batch, CLASSES):
        raise SystemExit(f"expected {batch} x {CLASSES} outputs, got {output.shape}")
    if not numpy.allclose(output.sum(axis=1), 1, atol=1e-4):
        raise SystemExit("the probabilities of an image do not sum to 1")


def main():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = int(sys.argv[2]), 1
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])

    def body_of(request, batch):
        if request != "infer":
            raise SystemExit(f"no answer to {request}")
        pixels = numpy.random.randint(0, 256, (batch, 3, 32, 32), dtype=numpy.uint8)
        check_probabilities(session.run(["probabilities"], {"pixels": pixels})[0], batch)
        return lambda: session.run(["probabilities"], {"pixels": pixels})

    serve(0, body_of)


if __name__ == "__main__":
    main()
