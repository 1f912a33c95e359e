"""The student's vocabulary: the teacher's word pieces that occur in train, then its most frequent others.

Half of a small student's bytes are word vectors, and thousands of pieces (other scripts, `[unused…]`)
never occur in the texts it is for. A word whose piece went falls back to shorter pieces.
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any


def trim_tokenizer(teacher_json: str, used: Iterable[int], size: int) -> tuple[str, list[int]]:
    """Return a WordPiece tokenizer.json of at most `size` pieces, and the teacher's id of each piece.

    Special tokens and single ASCII characters always stay; then pieces that occur in `used` (teacher ids,
    with repetition) by count; then ASCII pieces in the teacher's order, which runs from frequent to rare.
    """
    description: dict[str, Any] = json.loads(teacher_json)
    vocabulary: dict[str, int] = description["model"]["vocab"]
    special = {token["content"] for token in description["added_tokens"]}
    counts = Counter(used)

    def rank(piece: str) -> tuple[int, int, int]:
        identifier = vocabulary[piece]
        if piece in special or (piece.isascii() and len(piece.removeprefix("##")) == 1):
            return 0, 0, identifier
        if counts[identifier]:
            return 1, -counts[identifier], identifier
        useful = piece.isascii() and not piece.startswith("[unused")
        return 2 if useful else 3, 0, identifier

    kept = sorted(vocabulary, key=rank)[:size]
    kept = sorted((piece for piece in kept if rank(piece)[0] < 3), key=vocabulary.__getitem__)
    renumbered = {piece: place for place, piece in enumerate(kept)}
    description["model"]["vocab"] = renumbered
    for token in description["added_tokens"]:
        token["id"] = renumbered[token["content"]]
    for name, token in (description["post_processor"].get("special_tokens") or {}).items():
        token["ids"] = [renumbered[name]]
    description["padding"] = description["truncation"] = None
    return json.dumps(description, ensure_ascii=False), [vocabulary[piece] for piece in kept]


def teacher_ids(teacher_json: str, trimmed_json: str) -> list[int]:
    """Return the teacher's id of each piece of a trimmed tokenizer, in its order. Raises KeyError on one it lacks."""
    vocabulary: dict[str, int] = json.loads(teacher_json)["model"]["vocab"]
    trimmed: dict[str, int] = json.loads(trimmed_json)["model"]["vocab"]
    return [vocabulary[piece] for piece in sorted(trimmed, key=trimmed.__getitem__)]
