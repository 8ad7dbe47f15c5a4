"""A process that answers requests (bench/peers/protocol.py), and how it ended if it did."""

import os
import select
import pathlib
import signal
import subprocess
import time

ANSWER_SECONDS = 300  # more is a hang
END_SECONDS = 10  # from the end of its output to its own end


class Contender:
    """`results` maps a request to the answers of all rounds. One that ended is asked no more and says why in `ended`."""

    def __init__(self, name, command, threads):
        self.name, self.results, self.ended = name, {}, None
        environment = dict(os.environ, TUTTI_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
        # A session of its own: Ctrl-C is for compare.py, which ends its contenders.
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment, start_new_session=True)
        self.pending = b""  # read and not yet a line

    def ask(self, request, name=None):
        """The answer; it joins `results` under `name`. None from one that ended."""
        if self.ended:
            return None
        answer = self._answer(request)
        try:
            value = float(answer or "")
        except ValueError:
            self._end(request, answer)
            return None
        self.results.setdefault(name or request, []).append(value)
        return value

    def cpu_seconds(self):
        """What its threads have computed so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        """Ends the process; `results` stay."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def _answer(self, request):
        try:
            self.process.stdin.write(f"{request}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._line(time.monotonic() + ANSWER_SECONDS)

    def _line(self, deadline):
        """The next whole line, "" at the end of output, None past the deadline."""
        while b"\n" not in self.pending:
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                return None
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return ""
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode(errors="replace") + "\n"

    def _end_text(self):
        """How it ended, or that it did not."""
        try:
            return status_text(self.process.wait(END_SECONDS))
        except subprocess.TimeoutExpired:
            return "closed its output without ending"

    def _end(self, request, answer):
        if answer is None:
            self.ended = f"gave no answer to '{request}' in {ANSWER_SECONDS} s"
        elif answer:
            self.ended = f"answered '{answer.strip()}' to '{request}'"
        else:
            self.ended = f"{self._end_text()} at '{request}'"
        self.close()


def status_text(status):
    if status >= 0:
        return f"ended with status {status}"
    return f"was killed by {signal.Signals(-status).name}"
