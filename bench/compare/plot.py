"""The picture of compare.py's results: a panel of bars for each request, drawn by gnuplot as SVG and PNG."""

import dataclasses
import math
import statistics
import subprocess
import sys

from candidates import LABELS
from report import counted, memory, number, rates, title, training

# Okabe and Ito's colours: tutti blue, PyTorch orange, ONNX Runtime green.
COLORS = {"native": "#0072B2", "onednn": "#56B4E9", "torch": "#A6D8F5", "pytorch": "#E69F00", "pytorch-nhwc": "#F3C766",
          "onnxruntime": "#009E73"}
PANEL_WIDTH, GAP, LEFT = 330, 65, 120  # pixels
ROW_HEIGHT, ABOVE, BELOW = 26, 46, 30  # of a panel
HEAD, FOOT = 50, 44  # of the picture


@dataclasses.dataclass
class Panel:
    title: str
    bars: dict  # contender -> (value, lowest, highest)
    factors: dict  # contender -> native's ratio to it


def speed_panel(results, request):
    bars = {}
    for name in results["contenders"]:
        if values := rates(results, name, request):
            bars[name] = (statistics.median(values), min(values), max(values))
    factors = {name: statistics.median(values) for name, values in
               results["native_ratios"].get(f"images/s, {title(request)}", {}).items() if values}
    return Panel(title(request), bars, factors)


def memory_panel(results, request):
    sizes = {name: memory(results, name, request) for name in results["contenders"]}
    bars = {name: (size / 2**20,) * 3 for name, size in sizes.items() if size}
    return Panel(f"peak memory in MiB, {title(request)}", bars, {})


def panels(results):
    """Two rows: training with its memory, and inference."""
    trained = training(results)
    inferred = [request for request in results["requests"] if request not in trained]
    rows = [[speed_panel(results, request) for request in trained] + [memory_panel(results, request) for request in trained[:1]],
            [speed_panel(results, request) for request in inferred]]
    return [[panel for panel in row if panel.bars] for row in rows if any(panel.bars for panel in row)]


def label(panel, name):
    factor = panel.factors.get(name)
    return number(panel.bars[name][0]) + (f"  ({number(factor)}×)" if factor else "")


def tick_step(span):
    """1, 2 or 5 times a power of ten, for three to five ticks."""
    power = 10 ** math.floor(math.log10(span / 3))
    return max(step * power for step in (1, 2, 5) if 3 * step * power <= span)


def draw_panel(panel, names, left, top, size, labelled):
    """gnuplot's commands; positions in pixels from the picture's upper left corner."""
    width, height = size
    lines = ["$bars << END"]
    for index, name in enumerate(names):
        if name in panel.bars:
            value, low, high = panel.bars[name]
            lines.append(f'{value} {len(names) - index} {low} {high} {int(COLORS[name][1:], 16)} "{label(panel, name)}"')
    lines.append("END")
    bottom = top + ABOVE + ROW_HEIGHT * len(names)
    longest = max(high for _, _, high in panel.bars.values())
    lines += [
        f"set lmargin at screen {left / width:.5f}", f"set rmargin at screen {(left + PANEL_WIDTH - GAP) / width:.5f}",
        f"set tmargin at screen {1 - (top + ABOVE) / height:.5f}", f"set bmargin at screen {1 - bottom / height:.5f}",
        f'set title "{panel.title}" offset 0,-0.4 font ",11"', f"set xrange [0:{1.5 * longest}]",
        f"set xtics {tick_step(1.5 * longest)}",
        f"set yrange [0.4:{len(names) + 0.6}]",
    ]
    marks = ", ".join(f'"{LABELS[name] if labelled else ""}" {len(names) - index}' for index, name in enumerate(names))
    lines.append(f"set ytics ({marks})")
    lines.append("plot $bars using ($1/2):2:(0):1:($2-0.38):($2+0.38):5 with boxxyerror fillcolor rgb variable, "
                 "$bars using ($3 < $4 ? $1 : NaN):2:3:4 with xerrorbars linecolor rgb '#555555' pointtype 0, "
                 "$bars using 4:2:6 with labels left offset 0.6,0 font ',10'")
    return lines


def script(results):
    """(gnuplot's commands but for terminal and output, (width, height))"""
    rows = panels(results)
    names = [[name for name in results["contenders"] if any(name in panel.bars for panel in row)] for row in rows]
    width = LEFT + PANEL_WIDTH * max(map(len, rows))
    height = HEAD + FOOT + sum(ABOVE + BELOW + ROW_HEIGHT * len(each) for each in names)
    lines = [
        "set multiplot", "set style fill solid noborder", "set border 1 linecolor rgb '#888888'", "unset key",
        "set tics nomirror scale 0.5", "set ytics scale 0 textcolor rgb 'black'", "set xtics font ',9' textcolor rgb '#666666'",
        "set format x '%.0f'",
    ]
    texts = [(f"The model {results['model']} on tutti's engines and their peers", 20, 13, "black"),
             ("images/s: median, lowest and highest; in brackets: native is so many times as fast", 39, 10, "#666666"),
             (machine(results), height - 30, 9, "#666666"), (versions(results), height - 15, 9, "#666666")]
    for index, (text, y, points, color) in enumerate(texts, 1):
        lines.append(f"set label {index} \"{text}\" at screen {16 / width:.5f},{1 - y / height:.5f} left font ',{points}' "
                     f"textcolor rgb '{color}' noenhanced")
    top = HEAD
    for row, each in zip(rows, names):
        for index, panel in enumerate(row):
            lines += draw_panel(panel, each, LEFT + index * PANEL_WIDTH, top, (width, height), labelled=index == 0)
            lines.append("unset label")
        top += ABOVE + BELOW + ROW_HEIGHT * len(each)
    return lines + ["unset multiplot"], (width, height)


def machine(results):
    extent = ", ".join(counted(results[each], each[:-1]) for each in ("threads", "rounds"))
    return f"{results['cpu']}, {extent}; {results['date']}".replace('"', "")


def versions(results):
    return ", ".join(f"{name} {version}" for name, version in results["versions"].items()).replace('"', "")


def draw(results, folder):
    """Writes plot.svg and plot.png; says so if gnuplot cannot."""
    if not panels(results):
        return
    lines, (width, height) = script(results)
    for terminal, name in ((f"svg size {width},{height} font 'DejaVu Sans,11' background 'white'", "plot.svg"),
                           (f"pngcairo size {width},{height} font 'DejaVu Sans,9' background 'white'", "plot.png")):
        text = "\n".join([f"set terminal {terminal}", f"set output '{folder / name}'", *lines, "set output"])
        try:
            done = subprocess.run(["gnuplot"], input=text, capture_output=True, text=True)
        except FileNotFoundError:
            print("No plot: gnuplot is missing (apt install gnuplot-nox).", file=sys.stderr)
            return
        if done.returncode:
            print(f"No {name}: {done.stderr.strip()}", file=sys.stderr)
