#!/usr/bin/python3
"""The reference CNN of tutti in PyTorch, for comparison on the same machine in the same session.

Same model, initial distributions, optimizer (Adam with Keras's defaults), loss and batch size as examples/cifar10_cnn.
Needs python3-torch and numpy (Debian packages suffice) and CIFAR-10's binary batches.

    pytorch_cnn.py DATA_DIR --epochs 3                   # images/s, loss, accuracy and validation accuracy of each epoch
    pytorch_cnn.py DATA_DIR --steps 100                  # only the training speed
"""

import argparse
import pathlib
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

RECORD_BYTES = 1 + 3 * 32 * 32  # label, then the red, green and blue planes


def read_batches(files):
    """Pixels uint8 (n, 3, 32, 32) and labels int64 (n) of CIFAR-10 binary files."""
    records = numpy.concatenate([numpy.fromfile(file, dtype=numpy.uint8) for file in files])
    if records.size == 0 or records.size % RECORD_BYTES:
        raise SystemExit(f"{files[0].parent}: not CIFAR-10 binary batches of {RECORD_BYTES} bytes a record.")
    records = records.reshape(-1, RECORD_BYTES)
    pixels = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
    return pixels, torch.from_numpy(records[:, 0].astype(numpy.int64))


def load_cifar10(folder):
    """((pixels, labels) of the training images, the same of the test images)."""
    training = sorted(folder.glob("data_batch_*.bin"))
    test = folder / "test_batch.bin"
    if not training or not test.exists():
        raise SystemExit(f"{folder}: expected data_batch_1.bin to data_batch_5.bin and test_batch.bin.")
    return read_batches(training), read_batches([test])


def make_model():
    """The reference CNN up to its logits: 1,250,858 parameters, Glorot uniform kernels, zero biases."""
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 32, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.Conv2d(64, 64, 3), nn.ReLU(),
        nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 6 * 6, 512), nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(512, 10),
    )
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_250_858
    return model


def to_input(pixels, memory_format):
    return (pixels.float() / 255).contiguous(memory_format=memory_format)


def evaluate(model, pixels, labels, batch, memory_format):
    """Mean loss and accuracy."""
    model.eval()
    loss, right = 0.0, 0
    with torch.no_grad():
        for begin in range(0, len(labels), batch):
            target = labels[begin:begin + batch]
            logits = model(to_input(pixels[begin:begin + batch], memory_format))
            loss += functional.cross_entropy(logits, target, reduction="sum").item()
            right += (logits.argmax(1) == target).sum().item()
    return loss / len(labels), right / len(labels)


def train_step(model, optimizer, images, target):
    """Loss and number of right answers of one batch, before its update."""
    optimizer.zero_grad()
    logits = model(images)
    loss = functional.cross_entropy(logits, target)
    loss.backward()
    optimizer.step()
    return loss.item(), (logits.argmax(1) == target).sum().item()


def measure_steps(model, optimizer, data, options):
    """Training images per second over options.steps steps, after 5 to warm up."""
    pixels, labels = data
    model.train()
    warm_up, begin_time = 5, 0.0
    for step in range(warm_up + options.steps):
        if step == warm_up:
            begin_time = time.perf_counter()
        begin = step * options.batch % (len(labels) - options.batch + 1)
        rows = slice(begin, begin + options.batch)
        train_step(model, optimizer, to_input(pixels[rows], options.memory_format), labels[rows])
    seconds = time.perf_counter() - begin_time
    print(f"{options.steps * options.batch / seconds:.1f} images/s "
          f"(batch {options.batch}, {options.threads} threads, {options.steps} steps)")


def train(model, optimizer, data, test, options):
    pixels, labels = data
    for epoch in range(options.epochs):
        model.train()
        order = torch.randperm(len(labels))
        loss, right, begin_time = 0.0, 0, time.perf_counter()
        for begin in range(0, len(labels), options.batch):
            rows = order[begin:begin + options.batch]
            images = to_input(pixels[rows], options.memory_format)
            batch_loss, batch_right = train_step(model, optimizer, images, labels[rows])
            loss += batch_loss * len(rows)
            right += batch_right
        seconds = time.perf_counter() - begin_time
        val_loss, val_accuracy = evaluate(model, *test, 500, options.memory_format)
        print(f"epoch {epoch + 1}/{options.epochs}  {len(labels) / seconds:.1f} images/s  loss {loss / len(labels):.4f}  "
              f"accuracy {right / len(labels):.4f}  val_loss {val_loss:.4f}  val_accuracy {val_accuracy:.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder of data_batch_1.bin ... test_batch.bin")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=0, help="measure this many training steps and stop")
    parser.add_argument("--limit", type=int, default=0, help="use only the first so many training images")
    parser.add_argument("--channels-last", action="store_true", help="PyTorch's channels_last memory format")
    options = parser.parse_args()
    options.memory_format = torch.channels_last if options.channels_last else torch.contiguous_format

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    data, test = load_cifar10(options.data)
    if options.limit:
        data = tuple(part[:options.limit] for part in data)
    model = make_model().to(memory_format=options.memory_format)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-7)
    print(f"PyTorch {torch.__version__}, {options.threads} threads, batch {options.batch}"
          f"{', channels_last' if options.channels_last else ''}")
    if options.steps:
        measure_steps(model, optimizer, data, options)
    else:
        train(model, optimizer, data, test, options)


if __name__ == "__main__":
    main()
