"""The student's first weights: some of the teacher's layers, with the least used neurons left out.

A narrower student also leaves out hidden dimensions (truncation). Nothing is trained here.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from training.batches import Encoded, batches
from training.task import Student
from undertone.model.network import ENTITY, Network


def shrink(
    teacher: Network, size: Student, kept_pieces: Sequence[int], max_tokens: int, ids: Encoded
) -> tuple[dict[str, Tensor], Tensor]:
    """Return (the student's state, the teacher's hidden dimensions that it keeps).

    `ids` are tokenised sample texts that tell which neurons matter; `kept_pieces` are the teacher's ids of
    the student's vocabulary, in order.
    """
    state = teacher.state_dict()
    words = state["encoder.embeddings.word_embeddings.weight"]
    dims = words.var(0).topk(size.width).indices.sort().values
    channels = torch.arange(size.width)  # whole heads, the first ones; all of them where the width is the teacher's
    use = neuron_use(teacher, ids)
    first: dict[str, Tensor] = {
        "encoder.embeddings.word_embeddings.weight": words[list(kept_pieces)][:, dims],
        "encoder.embeddings.position_embeddings.weight": state["encoder.embeddings.position_embeddings.weight"][
            :max_tokens, dims
        ],
        "encoder.embeddings.token_type_embeddings.weight": state["encoder.embeddings.token_type_embeddings.weight"][
            :1, dims
        ],
        **_pick(state, "encoder.embeddings.LayerNorm", "encoder.embeddings.LayerNorm", dims),
    }
    for place, source in enumerate(size.from_layers):
        old, new = f"encoder.encoder.layer.{source}", f"encoder.encoder.layer.{place}"
        neurons = use[source].topk(size.inner).indices.sort().values
        for part in ("query", "key", "value"):
            name = f"attention.self.{part}"
            first |= _pick(state, f"{old}.{name}", f"{new}.{name}", channels, dims)
        name = "attention.output.dense"
        first |= _pick(state, f"{old}.{name}", f"{new}.{name}", dims, channels)
        first |= _pick(state, f"{old}.intermediate.dense", f"{new}.intermediate.dense", neurons, dims)
        first |= _pick(state, f"{old}.output.dense", f"{new}.output.dense", dims, neurons)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            first |= _pick(state, f"{old}.{name}", f"{new}.{name}", dims)
    for head in teacher.head_names:
        columns = torch.cat([dims, dims + teacher.width]) if head == ENTITY else dims  # the span's, then the text's
        first |= _pick(state, head, head, torch.arange(len(state[f"{head}.bias"])), columns)
    return {name: tensor.clone().contiguous() for name, tensor in first.items()}, dims


@torch.inference_mode()
def neuron_use(teacher: Network, ids: Encoded) -> list[Tensor]:
    """Return for each layer what each feed-forward neuron adds to the output: its RMS times its weights' norm."""
    layers = teacher.encoder.encoder.layer
    sums = [torch.zeros(layer.output.dense.in_features) for layer in layers]
    hooks = [
        layer.output.dense.register_forward_pre_hook(
            lambda _module, inputs, place=place: sums[place].add_(inputs[0].square().sum((0, 1)))
        )
        for place, layer in enumerate(layers)
    ]
    teacher.eval()
    for batch in batches(ids, 64):
        teacher(batch.input_ids, batch.attention_mask)
    for hook in hooks:
        hook.remove()
    return [total.sqrt() * layer.output.dense.weight.norm(dim=0) for total, layer in zip(sums, layers, strict=True)]


def _pick(
    state: Mapping[str, Tensor], old: str, new: str, rows: Tensor, columns: Tensor | None = None
) -> dict[str, Tensor]:
    weight = state[f"{old}.weight"][rows]
    return {
        f"{new}.weight": weight if columns is None else weight[:, columns],
        f"{new}.bias": state[f"{old}.bias"][rows],
    }
