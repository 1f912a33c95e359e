"""The offline program: one file per step of the model's cycle, and `run.py`, which takes them in order."""

import os

# A thread that waits for another must sleep, not spin: on shared cores spinning halves the speed of both.
# libgomp reads this once, when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
