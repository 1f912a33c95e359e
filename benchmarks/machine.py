"""What the benchmarks run on, and how a program is held to one core of it."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from pathlib import Path

import psutil


def hardware() -> str:
    """The machine in one line: processor, cores, vector units, memory, Python."""
    model, flags = platform.processor() or platform.machine(), ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                model = value.strip()
            if name.strip() == "flags":
                flags = value
    units = [unit for unit in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if f" {unit} " in f"{flags} "]
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{model}, {os.cpu_count()} cores, {'+'.join(units) or 'no vector units known'}, "
        f"{memory:.0f} GiB, Python {platform.python_version()}"
    )


@cache
def cores() -> tuple[int, int]:
    """The core that the measured program has, and the core of the servers and the load.

    Asked once: the benchmark then moves itself to the second.
    """
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        sys.exit("the benchmarks need two cores: one for the measured program, one for the servers")
    return usable[0], usable[1]


def pinned(core: int, *arguments: str) -> list[str]:
    """The command that runs ``python ARGUMENTS`` on one core, with one thread for every numeric library."""
    return [sys.executable, "-c", _PIN, str(core), *arguments]


_PIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
