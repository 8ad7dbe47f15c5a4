#!/usr/bin/python3
"""JupyterLab on Debian's jupyterlab-server, where PyPI cannot be reached: serves the page that build-frontend makes.

Takes what `jupyter lab` takes. It lies beside static/, schemas/, themes/ and templates/ as build-frontend puts it.
"""
import json
import sys
from pathlib import Path

from jupyter_core.paths import jupyter_config_dir
from jupyter_server.base.handlers import APIHandler
from jupyterlab_server import LabServerApp
from tornado import web

HERE = Path(__file__).resolve().parent
# Of Debian: libjs-mathjax, so that formulas need no network.
MATHJAX = Path("/usr/share/javascript/mathjax")


class MeHandler(APIHandler):
    """Who is there: JupyterLab 3.6 asks, and jupyter_server answers from version 2 on. Whoever has the token is the one user."""

    @web.authenticated
    def get(self):
        identity = {"username": "lab", "name": "lab", "display_name": "lab", "initials": "L", "avatar_url": None, "color": None}
        self.finish(json.dumps({"identity": identity, "permissions": {}}))


class LabApp(LabServerApp):
    name = "lab"
    app_name = "JupyterLab"
    app_namespace = "lab"
    extension_url = "/lab"
    default_url = "/lab"
    load_other_extensions = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.app_version = json.loads((HERE / "version.json").read_text())["version"]
        self.static_dir = str(HERE / "static")
        self.schemas_dir = str(HERE / "schemas")
        self.themes_dir = str(HERE / "themes")
        self.templates_dir = str(HERE / "templates")
        self.app_settings_dir = str(HERE / "settings")
        mine = Path(jupyter_config_dir()) / "lab"
        self.user_settings_dir = str(mine / "user-settings")
        self.workspaces_dir = str(mine / "workspaces")

    def initialize_templates(self):
        self.static_paths = [self.static_dir]
        if MATHJAX.exists():
            self.static_paths.append(str(MATHJAX.parent))
        self.template_paths = [self.templates_dir]

    def initialize_handlers(self):
        super().initialize_handlers()
        self.handlers.append(("/api/me", MeHandler))

    def initialize_settings(self):
        page = self.settings.setdefault("page_config_data", {})
        page["mainScript"] = json.loads((HERE / "main.json").read_text())["script"]
        page["exposeAppInBrowser"] = "true"
        if MATHJAX.exists():
            page["fullMathjaxUrl"] = self.static_url_prefix.rstrip("/") + "/mathjax/MathJax.js"


def _jupyter_server_extension_points():
    return [{"module": __name__, "app": LabApp}]


if __name__ == "__main__":
    sys.exit(LabApp.launch_instance())
