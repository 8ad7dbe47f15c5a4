"""Who can take part on this machine: commands, versions, and why somebody cannot."""

import ctypes
import dataclasses
import os
import pathlib
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent
PEERS = BENCH / "peers"
MODELS = {
    "cnn": BENCH.parent / "examples" / "cifar10_cnn.yaml",
    "vgg": BENCH / "models" / "vgg.yaml",
    "resnet": BENCH / "models" / "resnet.yaml",
}
LABELS = {"native": "native", "onednn": "onednn", "torch": "torch", "pytorch": "PyTorch", "pytorch-nhwc": "PyTorch NHWC",
          "onnxruntime": "ONNX Runtime"}
ENGINES = ("native", "onednn", "torch")
PYTORCH_FORMATS = {"pytorch": [], "pytorch-nhwc": ["--channels-last"]}


@dataclasses.dataclass
class Candidate:
    name: str
    command: list
    trains: bool = True
    parameters: int = None  # None: it answers to "parameters" itself


@dataclasses.dataclass
class Field:
    candidates: list
    absent: dict  # name -> why
    versions: dict  # label -> version


def worker(build, engine, model):
    return [build / "bin" / "bench_cnn_worker", engine, MODELS[model]]


def find(options):
    field = Field([], {}, {"tutti": tutti_version()})
    for engine in ENGINES:
        if engine in options.only:
            field.candidates.append(Candidate(engine, worker(options.build, engine, options.model)))
    if not options.only.isdisjoint(PYTORCH_FORMATS):
        add_pytorch(field, options)
    if "onnxruntime" in options.only and any(each.startswith("infer") for each in options.requests):
        add_onnxruntime(field, options)
    return field


def add_pytorch(field, options):
    names = [name for name in PYTORCH_FORMATS if name in options.only]
    version, why = run([sys.executable, "-c", "import torch; print(torch.__version__)"])
    if not version:
        field.absent.update({name: why for name in names})
        return
    core = openblas_core()
    if core:
        os.environ["OPENBLAS_CORETYPE"] = core  # contenders inherit it
    field.versions["PyTorch"] = f"{version} ({blas()}{', OPENBLAS_CORETYPE=' + core if core else ''})"
    for name in names:
        command = [sys.executable, PEERS / "pytorch_worker.py", options.model, options.threads, *PYTORCH_FORMATS[name]]
        field.candidates.append(Candidate(name, command))


def add_onnxruntime(field, options):
    """Python's onnxruntime if there is one, else npm's onnxruntime-node in options.onnxruntime."""
    options.out.mkdir(parents=True, exist_ok=True)
    model = options.out / f"{options.model}.onnx"
    parameters, why = run([sys.executable, PEERS / "onnx_model.py", MODELS[options.model], model])
    if not parameters:
        field.absent["onnxruntime"] = f"no model for it: {why}"
        return
    node_folder = (options.onnxruntime or options.build / "onnxruntime") / "node_modules" / "onnxruntime-node"
    version, why_not_python = run([sys.executable, "-c", "import onnxruntime; print(onnxruntime.__version__)"])
    if version:
        command = [sys.executable, PEERS / "onnxruntime_worker.py", model, options.threads]
    else:
        version, why_not_node = node_version(node_folder)
        command = ["node", PEERS / "onnxruntime_worker.js", node_folder, model, options.threads]
    if not version:
        field.absent["onnxruntime"] = f"{why_not_python}; {why_not_node}"
        return
    field.versions["ONNX Runtime"] = f"{version} ({pathlib.Path(command[0]).name.rstrip('3')})"
    field.candidates.append(Candidate("onnxruntime", command, trains=False, parameters=int(parameters)))


def node_version(folder):
    if not folder.is_dir():
        return None, f"no onnxruntime-node in {folder.parent.parent}"
    return run(["node", "-e", "console.log(require(process.argv[1]).env.versions.node)", folder.resolve()])


def run(command):
    """(its output, None), or (None, the last line of its complaint)."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return None, f"no {command[0]}"
    if done.returncode == 0:
        return done.stdout.strip(), None
    complaint = [line for line in done.stderr.splitlines() if line.strip()]
    return None, complaint[-1].strip() if complaint else f"{command[0]} ended with status {done.returncode}"


def blas():
    """What Debian's python3-torch multiplies with: wherever libblas.so.3 leads to."""
    for link in pathlib.Path("/usr/lib").glob("*/libblas.so.3"):
        name = link.resolve().parent.name
        if name == "blas":
            print(f"PyTorch is slower here than it could be: {link} is the reference BLAS. apt install libopenblas0-pthread",
                  file=sys.stderr)
            return "reference BLAS"
        return name
    return "BLAS unknown"


def openblas_core():
    """What to set OPENBLAS_CORETYPE to: Debian's OpenBLAS takes a processor that is newer than itself for a Prescott, whose kernels
    need four times as long. None if it knows the processor, or the user chose."""
    if os.environ.get("OPENBLAS_CORETYPE"):
        return None
    for library in pathlib.Path("/usr/lib").glob("*/libblas.so.3"):
        try:
            corename = ctypes.CDLL(str(library.resolve())).openblas_get_corename
        except (OSError, AttributeError):  # another BLAS
            continue
        corename.restype = ctypes.c_char_p
        flags = set(pathlib.Path("/proc/cpuinfo").read_text().split())
        if corename() == b"Prescott" and {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
            return "SkylakeX"
        if corename() == b"Prescott" and {"avx2", "fma"} <= flags:
            return "Haswell"
    return None


def tutti_version():
    commit, _ = run(["git", "-C", BENCH, "describe", "--always", "--dirty"])
    return commit or "unknown"
