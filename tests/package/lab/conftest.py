"""The fixtures of the lab, and its check that it has namespaces of its own."""

import importlib.util
import pathlib

_path = pathlib.Path(__file__).resolve().parents[2] / "lab" / "conftest.py"
_spec = importlib.util.spec_from_file_location("lab_conftest", _path)
_lab = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_lab)
globals().update({name: value for name, value in vars(_lab).items() if not name.startswith("__")})
