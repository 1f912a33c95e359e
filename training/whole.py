"""Files that are there whole or not at all, since a step whose output is there counts as done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a path to write to; what stands there takes the place of `path` once the block has ended without an error.

    What a killed writer left behind is written over by the next one.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    yield unfinished
    unfinished.replace(path)
