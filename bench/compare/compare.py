#!/usr/bin/python3
"""Compares engines and PyTorch on the reference CNN: all contenders take turns, half a second each, and medians are printed.

    bench/cnn/compare.py build/release --rounds 9 --threads 2 [--json FILE] [--only native,pytorch]

Needs a build with -DTUTTI_BENCH=ON. PyTorch joins, in both memory formats, where python3-torch is installed; a fair peer only with
an optimised BLAS (apt install libopenblas0-pthread): on the reference BLAS its dense layers take half of the time.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

REQUESTS = ["train 32", "train 128", "infer 1", "infer 32", "infer 256"]
TRAINING_FLOP = 121.5e6  # of a direct convolution's training step, an image
HERE = pathlib.Path(__file__).resolve().parent


class Contender:
    def __init__(self, name, command, threads):
        self.name, self.results = name, {}
        environment = dict(os.environ, TUTTI_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, request):
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise SystemExit(f"{self.name} gave no answer to '{request}'; it ended with status {self.process.wait()}.")
        self.results.setdefault(request, []).append(float(answer))


def make_contenders(options):
    worker = options.build / "bin" / "bench_cnn_worker"
    contenders = [Contender(engine, [worker, engine], options.threads) for engine in ("native", "onednn", "torch")
                  if engine in options.only]
    if "pytorch" in options.only and subprocess.run([sys.executable, "-c", "import torch"], capture_output=True).returncode == 0:
        warn_of_slow_blas()
        for name, flags in (("pytorch", []), ("pytorch-nhwc", ["--channels-last"])):
            contenders.append(Contender(name, [sys.executable, HERE / "pytorch_worker.py", str(options.threads), *flags],
                                        options.threads))
    return contenders


def cell(values):
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


def print_table(contenders, requests, peak):
    print("| images/s: median (lowest-highest) | " + " | ".join(each.name for each in contenders) + " |")
    print("|---" * (len(contenders) + 1) + "|")
    for request in requests:
        print(f"| {request} | " + " | ".join(cell(each.results[request]) for each in contenders) + " |")
    first, others = contenders[0], contenders[1:]
    for request in requests:
        for other in others:
            pairs = [a / b for a, b in zip(first.results[request], other.results[request])]
            print(f"{request}: {first.name} / {other.name} = {statistics.median(pairs):.2f} ({min(pairs):.2f}-{max(pairs):.2f})")
    print(f"FMA peak: {cell(peak)} GFLOP/s")
    for each in contenders:
        for request in [each for each in requests if each.startswith("train")]:
            pairs = [TRAINING_FLOP * rate / (p * 1e9) for rate, p in zip(each.results[request], peak)]
            print(f"{each.name}, {request}: direct FLOP/s / peak = {statistics.median(pairs):.2f}")
        print(f"{each.name}: peak memory {each.results['memory'][-1] / 2**20:.0f} MiB")


def warn_of_slow_blas():
    """Debian's python3-torch runs on whatever libblas.so.3 leads to."""
    for link in pathlib.Path("/usr/lib").glob("*/libblas.so.3"):
        if link.resolve().parent.name == "blas":
            print(f"PyTorch is slower here than it could be: {link} is the reference BLAS. apt install libopenblas0-pthread",
                  file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="build folder")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["native", "onednn", "torch", "pytorch"])
    parser.add_argument("--requests", type=lambda text: text.split(","), default=REQUESTS)
    parser.add_argument("--json", type=pathlib.Path, help="write all measurements there")
    options = parser.parse_args()

    meter = Contender("peak", [options.build / "bin" / "bench_cnn_worker", "native"], options.threads)
    contenders = make_contenders(options)
    for _ in range(options.rounds):
        meter.ask("peak")
        for request in options.requests:
            for contender in contenders:
                contender.ask(request)
    for contender in contenders:
        contender.ask("memory")
    peak = meter.results["peak"]
    print_table(contenders, options.requests, peak)
    if options.json:
        results = {each.name: each.results for each in [meter, *contenders]}
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
