"""Start a program that the kernel ends together with its parent, even after kill -9 of the parent.

Run as a file (``python -I -S leash.py PARENT_PID PROGRAM ARG…``), it asks Linux for
PR_SET_PDEATHSIG and then becomes the program. `spawn` is the way to use it. Elsewhere than on
Linux the program starts without a leash, and its next start clears a stale one away.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


def spawn(
    command: Sequence[str], *, folder: Path, output: IO[bytes], env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` in `folder` on the leash, in a session of its own so that Ctrl-C passes it by.

    Its standard output and error go to `output`.
    """

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).absolute()), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=env,
            start_new_session=True,
        )

    # The signal comes when the *thread* that forked ends, so only one that lives as long as the
    # process may fork.
    if threading.current_thread() is threading.main_thread():
        return start()
    return _lifelong_thread.run(start)


class _LifelongThread:
    """Runs calls, one at a time, on a thread that ends with the process."""

    _Call = tuple[Callable[[], subprocess.Popen[bytes]], "Future[subprocess.Popen[bytes]]"]

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_LifelongThread._Call] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._thread is None or not self._thread.is_alive():  # a fork leaves threads behind
                self._thread = threading.Thread(target=self._serve, name="undertone-leash", daemon=True)
                self._thread.start()
        answer: Future[subprocess.Popen[bytes]] = Future()
        self._calls.put((call, answer))
        return answer.result()

    def _serve(self) -> None:
        while True:
            call, answer = self._calls.get()
            try:
                answer.set_result(call())
            except BaseException as error:
                answer.set_exception(error)


_lifelong_thread = _LifelongThread()


def main(argv: Sequence[str]) -> None:
    parent, command = int(argv[0]), list(argv[1:])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            sys.exit(1)
    try:
        os.execv(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
