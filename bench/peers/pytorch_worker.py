#!/usr/bin/python3
"""The PyTorch contender of compare.py: pytorch_worker.py cnn|vgg|resnet THREADS [--channels-last]; answers to protocol.py."""

import sys

import torch
from protocol import serve
from pytorch_cnn import to_input, train_step
from pytorch_models import MODELS


def main():
    memory_format = torch.channels_last if "--channels-last" in sys.argv else torch.contiguous_format
    torch.set_num_threads(int(sys.argv[2]))
    model = MODELS[sys.argv[1]]().to(memory_format=memory_format)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)

    def body_of(request, batch):
        pixels, labels = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8), torch.randint(0, 10, (batch,))

        def train():
            train_step(model, optimizer, to_input(pixels, memory_format), labels)

        def infer():
            with torch.no_grad():
                torch.softmax(model(to_input(pixels, memory_format)), 1)

        model.train(request == "train")
        return train if request == "train" else infer

    serve(sum(parameter.numel() for parameter in model.parameters()), body_of)


if __name__ == "__main__":
    main()
