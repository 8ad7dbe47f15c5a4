#!/usr/bin/python3
"""Compares tutti's engines with PyTorch and ONNX Runtime: all contenders take turns, half a second each, in one run.

    bench/compare/compare.py build/bench [--model cnn|vgg|resnet] [--rounds 7] [--quick] [--only native,pytorch]

Needs a build with -DTUTTI_BENCH=ON; scripts/bench does everything. Writes results.json, table.md, plot.svg and plot.png, and prints
the table. bench/README.md says what is measured and how.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import re
import shlex
import signal
import sys
import time

import candidates
import plot
import report
from contender import Contender

sys.path.insert(0, str(candidates.PEERS))
import architecture  # noqa: E402

REQUESTS = ["train 32", "train 128", "infer 1", "infer 32", "infer 256"]
QUICK_REQUESTS, QUICK_ROUNDS, ROUNDS = ["train 32", "infer 32"], 3, 7


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.error = lambda message: sys.exit(f"error: {message} (see --help)")
    parser.add_argument("build", type=pathlib.Path, help="build folder")
    parser.add_argument("--model", choices=candidates.MODELS, default="cnn")
    parser.add_argument("--rounds", type=int, help=f"turns at each request (default {ROUNDS}, quick {QUICK_ROUNDS})")
    parser.add_argument("--quick", action="store_true", help=f"only {' and '.join(QUICK_REQUESTS)}")
    parser.add_argument("--threads", type=int, default=min(2, len(os.sched_getaffinity(0))))
    parser.add_argument("--only", default=",".join(candidates.LABELS), help="contenders (default: %(default)s)")
    parser.add_argument("--requests", help=f"default: {','.join(REQUESTS)}")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results (default: BUILD/results/MODEL)")
    parser.add_argument("--onnxruntime", type=pathlib.Path, help="where npm put onnxruntime-node (default: BUILD/onnxruntime)")
    parser.add_argument("--command", default=shlex.join(sys.argv), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.only = set(options.only.split(","))
    options.requests = options.requests.split(",") if options.requests else QUICK_REQUESTS if options.quick else REQUESTS
    options.rounds = (QUICK_ROUNDS if options.quick else ROUNDS) if options.rounds is None else options.rounds
    options.out = options.out or options.build / "results" / options.model
    check(options, parser.error)
    return options


def check(options, error):
    if options.rounds < 1:
        error(f"--rounds must be at least 1. Got {options.rounds}")
    if options.threads < 1:
        error(f"--threads must be at least 1. Got {options.threads}")
    for name in options.only.difference(candidates.LABELS):
        error(f"unknown contender {name!r}. Expected some of {', '.join(candidates.LABELS)}")
    for request in options.requests:
        if not re.fullmatch(r"(train|infer) [1-9]\d*", request):
            error(f"unknown request {request!r}. Expected 'train BATCH' or 'infer BATCH'")
    binary = candidates.worker(options.build, "native", options.model)[0]
    if not binary.exists():
        error(f"{binary} does not exist. Build with -DTUTTI_BENCH=ON, or use scripts/bench")


def is_training(request):
    return request.startswith("train")


def check_parameters(candidate, contender, expected):
    """False if it ended. All contenders must run the same model."""
    count = candidate.parameters or contender.ask("parameters")
    if count is not None and count != expected:
        sys.exit(f"error: {contender.name} has {count:,.0f} parameters, the model {expected:,}.")
    return count is not None


def measure_memory(candidate, request, threads):
    """Peak resident bytes of a process that does nothing but train; None if it ended."""
    fresh = Contender(candidate.name, candidate.command, threads)
    with contextlib.closing(fresh):
        fresh.ask(request)
        size = fresh.ask("memory")
    if fresh.ended:
        say(f"{candidate.name} {fresh.ended}, while its memory was measured")
    return size


class PeakMeter(Contender):
    """Measures the FMA peak, and by the way how much of its cores it gets beside other programs."""

    def __init__(self, command, threads):
        super().__init__("peak", command, threads)
        self.threads, self.wall, self.cpu = threads, 0.0, 0.0

    def measure(self, request):
        if self.ended:
            return
        begin, cpu_begin = time.monotonic(), self.cpu_seconds()
        if self.ask("peak", name=request) is not None:
            self.wall, self.cpu = self.wall + time.monotonic() - begin, self.cpu + self.cpu_seconds() - cpu_begin

    def share_of_cores(self):
        return self.cpu / (self.wall * self.threads) if self.wall else None


def take_turns(options, contenders, meters, alone):
    """`contenders`: [(Candidate, Contender)]; `alone`: native on one thread or None."""
    known = {contender.name for _, contender in contenders if contender.ended}
    for turn in range(options.rounds):
        say(f"round {turn + 1} of {options.rounds}")
        order = contenders if turn % 2 == 0 else contenders[::-1]
        for request in options.requests:
            for meter in meters if is_training(request) else []:
                meter.measure(request)
            for candidate, contender in order:
                if candidate.trains or not is_training(request):
                    contender.ask(request)
                if candidate.name == "native" and alone and is_training(request):
                    alone.ask(request)
                if contender.ended and contender.name not in known:
                    known.add(contender.name)
                    say(f"{contender.name} {contender.ended}")


def run(options, field, layers):
    """Everything that is measured."""
    parameters = architecture.parameters(layers)
    native = candidates.worker(options.build, "native", options.model)
    with contextlib.ExitStack() as stack:
        def start(kind, *arguments):
            return stack.enter_context(contextlib.closing(kind(*arguments)))

        memory = {each.name: {} for each in field.candidates}
        for candidate in field.candidates:
            for request in filter(is_training, options.requests if candidate.trains else []):
                say(f"memory of {candidate.name}, {request}")
                memory[candidate.name][request] = measure_memory(candidate, request, options.threads)
        contenders = [(each, start(Contender, each.name, each.command, options.threads)) for each in field.candidates]
        for candidate, contender in contenders:
            if check_parameters(candidate, contender, parameters):
                say(f"{contender.name}: {parameters:,} parameters")
            else:
                say(f"{contender.name} {contender.ended}")
        meters = {threads: start(PeakMeter, native, threads) for threads in sorted({options.threads, 1}, reverse=True)}
        has_second_core = options.threads > 1 and "native" in options.only
        alone = start(Contender, "native on one thread", native, 1) if has_second_core else None
        take_turns(options, contenders, meters.values(), alone)
        return {
            "model": options.model, "parameters": parameters, "training_flop": architecture.training_flop(layers),
            "command": options.command, "date": datetime.date.today().isoformat(), "cpu": cpu(),
            "cores": len(os.sched_getaffinity(0)), "threads": options.threads, "rounds": options.rounds,
            "requests": options.requests, "versions": field.versions, "absent": field.absent,
            "contenders": {contender.name: {"images_per_second": rates_of(contender), "memory_bytes": memory[contender.name],
                                            "ended": contender.ended} for _, contender in contenders},
            "one_thread": {"images_per_second": rates_of(alone), "ended": alone.ended} if alone else None,
            "peak_gflops": {str(threads): meter.results for threads, meter in meters.items()},
            "share_of_cores": meters[options.threads].share_of_cores(),
        }


def rates_of(contender):
    return {request: values for request, values in contender.results.items() if request != "parameters"}


def cpu():
    found = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else os.uname().machine


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    field = candidates.find(options)
    for name, why in field.absent.items():
        say(f"{name} is absent: {why}")
    results = run(options, field, architecture.read_model(candidates.MODELS[options.model]))
    results["native_ratios"] = report.ratios(results) if "native" in results["contenders"] else {}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = report.markdown(results)
    (options.out / "table.md").write_text(text)
    plot.draw(results, options.out)
    print(text, end="")
    say(f"written: {options.out}/results.json, table.md, plot.svg, plot.png")
    return 1 if any(each["ended"] for each in results["contenders"].values()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
