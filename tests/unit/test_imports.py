"""What the library must not load: a program that scores a text pays for no broker, no framework, no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import undertone

NEED_TORCH = (
    "undertone.gpu.engines",
    "undertone.gpu.graphs",
    "undertone.gpu.kernels",
    "undertone.gpu.parity",
    "undertone.gpu.served",
    "undertone.model.network",
)
"""What defines or runs a network in torch; everything else imports these late, if at all."""

HEAVY = ("deepspeed", "faust", "kafka", "streamlit", "torch", "transformers")

# Prints, for each module, which heavy package its import brought in.
PROBE = """
import importlib, json, sys
heavy, found = set(json.loads(sys.argv[1])), {}
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
    loaded = sorted(heavy & sys.modules.keys())
    heavy -= set(loaded)
    if loaded:
        found[name] = loaded
print(json.dumps(found))
"""


def library_modules() -> list[str]:
    root = Path(undertone.__file__).parent
    paths = (path.relative_to(root.parent).with_suffix("") for path in root.rglob("*.py"))
    names = (".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__")
    return sorted(name for name in names if not name.startswith(NEED_TORCH))


def test_importing_the_library_loads_no_heavy_package() -> None:
    modules = library_modules()
    assert "undertone.embedded.kafka" in modules
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(HEAVY), json.dumps(modules)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert probe.returncode == 0, probe.stderr
    assert json.loads(probe.stdout) == {}


def test_the_probe_sees_a_heavy_package() -> None:
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(["json"]), json.dumps(["undertone"])],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(probe.stdout) == {"undertone": ["json"]}
