"""What a contender in Python answers to; bench/cnn/worker.cpp is the same in C++.

Requests come from standard input, one a line, and each is answered with one number:
  train BATCH     training images a second, over at least half a second
  infer BATCH     inference images a second
  memory          peak resident bytes
  parameters      of the model, trained ones
"""

import pathlib
import re
import sys
import time

SECONDS = 0.5  # of one answer
WARM_UP = 3  # runs before the first answer


def rate(body):
    """How often `body` runs in a second."""
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < SECONDS:
        body()
        count += 1
    return count / (time.perf_counter() - begin)


def peak_memory():
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])


def serve(parameters, body_of):
    """Answers until standard input ends. body_of(request, batch) gives the function that runs one batch."""
    warm = set()
    for line in sys.stdin:
        request, *batch = line.split()
        if request == "memory":
            answer = peak_memory()
        elif request == "parameters":
            answer = parameters
        else:
            body = body_of(request, int(batch[0]))
            for _ in range(0 if line in warm else WARM_UP):
                body()
            warm.add(line)
            answer = int(batch[0]) * rate(body)
        print(f"{answer:.9g}", flush=True)
