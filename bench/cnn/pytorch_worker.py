#!/usr/bin/python3
"""The PyTorch contender of compare.py; the protocol is worker.cpp's."""

import pathlib
import resource
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))
from pytorch_cnn import make_model, to_input, train_step  # noqa: E402

SECONDS = 0.5  # of one answer


def rate(body):
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < SECONDS:
        body()
        count += 1
    return count / (time.perf_counter() - begin)


def main():
    threads, channels_last = int(sys.argv[1]), "--channels-last" in sys.argv
    torch.set_num_threads(threads)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    model = make_model().to(memory_format=memory_format)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    warm = set()
    for line in sys.stdin:
        request, *batch = line.split()
        if request == "memory":
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
            continue
        batch = int(batch[0])
        pixels, labels = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8), torch.randint(0, 10, (batch,))

        def train():
            train_step(model, optimizer, to_input(pixels, memory_format), labels)

        def infer():
            with torch.no_grad():
                torch.softmax(model(to_input(pixels, memory_format)), 1)

        model.train(request == "train")
        body = train if request == "train" else infer
        if line not in warm:
            warm.add(line)
            for _ in range(3):
                body()
        print(f"{batch * rate(body):.6g}", flush=True)


if __name__ == "__main__":
    main()
