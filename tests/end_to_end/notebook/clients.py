#!/usr/bin/env python3
"""Debian's Jupyter programs with the C++ kernel: jupyter-console, and `nbconvert --execute` of every notebook in examples/notebooks.

    clients.py PROGRAM FOLDER [TEST...]

PROGRAM is tutti; what was executed lies in FOLDER as .ipynb and .html. Exit code 77: it cannot run here, and why.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
NOTEBOOKS = sorted((ROOT / "examples/notebooks").glob("*.ipynb"))
# Instead of those in the cell tagged "parameters": small, and of data that needs no file.
PARAMETERS = {
    "engines": "images = 900; epochs = 2;",
    "cifar10": 'data = "shapes"; images = 1500; epochs = 2; save_to = "saved_models/shapes.h5";',
}
PROGRAM, FOLDER = (os.path.abspath(argument) for argument in sys.argv[1:3])
ENVIRONMENT = dict(os.environ, JUPYTER_PATH=f"{FOLDER}/share/jupyter", IPYTHONDIR=f"{FOLDER}/ipython",
                   JUPYTER_CONFIG_DIR=f"{FOLDER}/config", JUPYTER_NO_CONFIG="1", PYTHONWARNINGS="ignore")


def run(*command, **more):
    """Its output, both streams as one text. Fails when the program does."""
    result = subprocess.run(command, cwd=FOLDER, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
                            encoding="utf-8", check=False, **more)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}")
    return result.stdout


def with_parameters(notebook, text):
    """A cell with them behind the one tagged "parameters", as papermill does."""
    at = next(i for i, cell in enumerate(notebook["cells"]) if "parameters" in cell["metadata"].get("tags", []))
    cell = {"cell_type": "code", "id": "injected", "metadata": {"tags": ["injected-parameters"]}, "execution_count": None,
            "outputs": [], "source": text}
    return dict(notebook, cells=notebook["cells"][: at + 1] + [cell] + notebook["cells"][at + 1:])


def outputs_of(notebook, code):
    """The outputs of the cell that has that code in it."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and code in "".join(cell["source"])]
    assert len(cells) == 1, f"{len(cells)} cells with {code}"
    return cells[0]["outputs"]


def text_of(outputs, mime=None):
    """What they print, or their form of that type."""
    if mime is None:
        return "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")
    return "".join("".join(output["data"].get(mime, "")) for output in outputs if "data" in output)


class Console(unittest.TestCase):
    def test_session(self):
        cells = ["int kept = 6;", "kept * 7", 'throw std::runtime_error("out of tea");', 'std::cout << "still here" << std::endl;',
                 "exit", ""]
        said = run("jupyter-console", "--simple-prompt", "--kernel=tutti", input="\n".join(cells))
        self.assertIn("C++20 with tutti", said)
        self.assertIn("Out[2]: 42", said)
        self.assertIn("std::runtime_error: out of tea", said)
        self.assertIn("still here", said)
        self.assertNotIn("Do you really want to exit", said)  # which it asks at the end of its input


class Notebooks(unittest.TestCase):
    def execute(self, path):
        folder = pathlib.Path(FOLDER) / path.stem
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                self.assertFalse(cell["outputs"], f"{path} is stored with outputs")
        if path.stem in PARAMETERS:
            notebook = with_parameters(notebook, PARAMETERS[path.stem])
        given, executed = folder / "given.ipynb", folder / "executed.ipynb"
        given.write_text(json.dumps(notebook), encoding="utf-8")
        run("jupyter-nbconvert", "--to=notebook", "--execute", f"--output={executed.name}", str(given))
        run("jupyter-nbconvert", "--to=html", str(executed))
        notebook = json.loads(executed.read_text(encoding="utf-8"))
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        self.assertEqual([cell["execution_count"] for cell in code], list(range(1, len(code) + 1)))
        for cell in code:
            for output in cell["outputs"]:
                self.assertNotEqual(output["output_type"], "error")
                if "data" in output:
                    self.assertIn("text/plain", output["data"])
        return folder, notebook

    def test_cifar10(self):
        folder, notebook = self.execute(ROOT / "examples/notebooks/cifar10.ipynb")
        self.assertIn("1350 images to train, 150 to validate", text_of(outputs_of(notebook, "load_dataset")))
        self.assertTrue(text_of(outputs_of(notebook, "take(40)"), "image/png"))
        model = outputs_of(notebook, "Sequential model")
        self.assertIn("Total params", text_of(model, "text/plain"))
        self.assertIn("<svg", text_of(model, "text/html"))
        fit = outputs_of(notebook, "model.fit")
        self.assertEqual(len([output for output in fit if output["output_type"] == "display_data"]), 1)
        self.assertIn("<svg", text_of(fit, "text/html"))
        self.assertIn("val_loss", text_of(fit, "text/html"))
        self.assertIn("Test accuracy: ", text_of(outputs_of(notebook, "model.evaluate")))
        self.assertIn("circle", text_of(outputs_of(notebook, "confusion_matrix"), "text/html"))
        self.assertTrue(text_of(outputs_of(notebook, "test.subset(wrong)"), "image/png"))
        self.assertTrue((folder / "saved_models/shapes.h5").read_bytes().startswith(b"\x89HDF"))
        self.assertIn("shapes.h5", text_of(outputs_of(notebook, "ls -lh")))

    def test_engines(self):
        _, notebook = self.execute(ROOT / "examples/notebooks/engines.ipynb")
        engines = text_of(outputs_of(notebook, "list_engines"), "text/plain")
        self.assertIn('"native"', engines)
        fits = [output for output in outputs_of(notebook, "make_model();\n  model.initialize") if output["output_type"] == "display_data"]
        self.assertEqual(len(fits), engines.count('"') // 2)
        self.assertIn("<table", text_of(outputs_of(notebook, "fit_ensemble"), "text/html"))
        scores = outputs_of(notebook, "Score all_of_them")
        self.assertIn("native: weight 0.", text_of(scores))
        self.assertIn("<table", text_of(scores, "text/html"))
        self.assertIn("The ensemble (", text_of(outputs_of(notebook, "compare_sentence")))

    def test_every_notebook_is_known_here(self):
        tested = {name[len("test_"):] for name in dir(self) if name.startswith("test_")}
        self.assertEqual([path.stem for path in NOTEBOOKS if path.stem.replace("-", "_") not in tested], [])


if __name__ == "__main__":
    for program in ("jupyter-console", "jupyter-nbconvert"):
        if shutil.which(program) is None:
            print(f"skipped: there is no {program} (Debian: {program})")
            sys.exit(77)
    os.makedirs(FOLDER, exist_ok=True)
    run(PROGRAM, "kernel", "install", "--prefix", FOLDER)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
