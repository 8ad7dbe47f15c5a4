"""The tables of compare.py, from its results (results.json)."""

import statistics

from candidates import LABELS

BUSY = 0.8  # share of the cores that a run should get
PYTORCH = ("pytorch", "pytorch-nhwc")


def title(request):
    kind, batch = request.split()
    return f"{'training' if kind == 'train' else 'inference'}, batch {batch}"


def number(value):
    """Three digits that matter, but no fraction of hundreds."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def counted(count, noun):
    return f"{count} {noun}{'' if int(count) == 1 else 's'}"


def cell(values):
    """Median (lowest-highest); of several, each."""
    if len(values) == 1:
        return number(values[0])
    return f"{number(statistics.median(values))} ({number(min(values))}-{number(max(values))})"


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    return "\n".join([row(*head), "|---" * len(head) + "|", *(row(*each) for each in rows)])


def rates(results, name, request):
    return results["contenders"][name]["images_per_second"].get(request, [])


def memory(results, name, request):
    return results["contenders"][name]["memory_bytes"].get(request)


def quotients(dividends, divisors):
    """Of neighbouring turns."""
    return [a / b for a, b in zip(dividends, divisors)]


def training(results):
    return [request for request in results["requests"] if request.startswith("train")]


def value_cell(results, name, values):
    """What is known of a contender, and whether it ended."""
    if results["contenders"][name]["ended"]:
        return f"{cell(values)} until it ended" if values else "ended"
    return cell(values) if values else "-"


def memory_cell(results, name, request):
    if request not in results["contenders"][name]["memory_bytes"]:
        return "-"
    size = memory(results, name, request)
    return number(size / 2**20) if size else "ended"


def figures(results):
    """Images a second, the share of the FMA peak, and memory, of each contender."""
    names, rows = list(results["contenders"]), []
    for request in results["requests"]:
        cells = [value_cell(results, name, rates(results, name, request)) for name in names]
        rows.append([f"images/s, {title(request)}", *cells])
    for request in training(results):
        peak = results["peak_gflops"][str(results["threads"])].get(request, [])
        shares = {name: [results["training_flop"] * 1e-9 * share for share in quotients(rates(results, name, request), peak)]
                  for name in names}
        rows.append([f"FLOP/s ÷ FMA peak, {title(request)}", *(value_cell(results, name, shares[name]) for name in names)])
    for request in training(results):
        rows.append([f"peak memory in MiB, {title(request)}", *(memory_cell(results, name, request) for name in names)])
    return table(["median (lowest-highest)", *(LABELS[name] for name in names)], rows)


def ratios(results):
    """{row title: {peer or "better": [native / peer of each round]}}"""
    names, found = [name for name in results["contenders"] if name != "native"], {}
    for request in results["requests"]:
        own = rates(results, "native", request)
        found[f"images/s, {title(request)}"] = line = {name: quotients(own, rates(results, name, request)) for name in names}
        line["better"] = min((line[name] for name in PYTORCH if line.get(name)), key=statistics.median, default=[])
    for request in training(results):
        own, sizes = memory(results, "native", request), {name: memory(results, name, request) for name in names}
        line = {name: [own / size] if own and size else [] for name, size in sizes.items()}
        pytorch = [line[name] for name in PYTORCH if line.get(name)]
        line["better"] = max(pytorch, default=[])  # the one that needs less
        found[f"peak memory, {title(request)}"] = line
    return found


def ratio_table(results):
    names = [name for name in results["contenders"] if name != "native"]
    labels = [LABELS[name] for name in names]
    if all(name in names for name in PYTORCH):
        names, labels = [*names, "better"], [*labels, "the better PyTorch"]
    rows = []
    for name, line in ratios(results).items():
        rows.append([name, *(cell(line[each]) if line[each] else "-" for each in names)])
    return table(["native ÷ ...", *labels], rows)


def second_core(results):
    """What the other threads add to native, and to the FMA peak; "" if there is one thread."""
    threads, alone = str(results["threads"]), results["one_thread"]
    if threads == "1" or not alone:
        return ""
    rows = []
    for request in training(results):
        speed = quotients(rates(results, "native", request), alone["images_per_second"].get(request, []))
        peak = quotients(*(results["peak_gflops"][each].get(request, []) for each in (threads, "1")))
        if speed and peak:
            rows.append([title(request), cell(speed), cell(peak), cell(quotients(speed, peak))])
    return table([f"native, {threads} threads ÷ 1", "images/s", "FMA peak", "images/s ÷ FMA peak"], rows) if rows else ""


def notes(results):
    lines = []
    for threads, peaks in results["peak_gflops"].items():
        values = [value for each in peaks.values() for value in each]
        if values:
            lines.append(f"FMA peak on {counted(threads, 'thread')}: {cell(values)} GFLOP/s.")
    share = results["share_of_cores"]
    if share and share < BUSY:
        lines.append(f"**The machine was busy**: other programs left {100 * share:.0f} % of the cores to this run. Contenders "
                     "differ in how they stand that (OpenMP's barriers badly), so these ratios are not those of an idle machine.")
    for name, contender in results["contenders"].items():
        if contender["ended"]:
            lines.append(f"{LABELS[name]} {contender['ended']}.")
    if results["one_thread"] and results["one_thread"]["ended"]:
        lines.append(f"native on one thread {results['one_thread']['ended']}.")
    lines += [f"{LABELS[name]} is absent: {why}." for name, why in results["absent"].items()]
    return "\n".join(f"* {line}" for line in lines)


def origin(results):
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    extent = ", ".join(counted(results[each], each[:-1]) for each in ("cores", "threads"))
    return (f"{results['cpu']}, {extent}; {versions}; {counted(results['rounds'], 'round')}; {results['date']}; "
            f"`{results['command']}`")


def markdown(results):
    head = (f"{results['model']}: {results['parameters']:,} parameters, {results['training_flop'] / 1e6:.0f} MFLOP a training step "
            "and image as direct sums.")
    tables = [figures(results)]
    if "native" in results["contenders"] and len(results["contenders"]) > 1:
        tables.append(ratio_table(results))
    return "\n\n".join(each for each in [head, *tables, second_core(results), notes(results), origin(results)] if each) + "\n"
