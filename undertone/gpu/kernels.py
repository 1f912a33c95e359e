"""DeepSpeed's kernel injection for a BERT student, with what its version 0.19 gets wrong put right.

* Its BERT policy takes every feed-forward layer for four times as wide as the hidden one; a student's is not.
* It takes every activation for GELU.
* Its layers return tuples, which transformers 5 takes for hidden states.
* Its workspace is one for the whole process, is sized by the first batch, and is pulled from under an older model by
  any new engine. So one model of a process can have it, for as long as it lives.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from undertone.gpu.served import Served

_holder: weakref.ref[nn.Module] | None = None
"""The model that has the workspace, while it lives."""


def check_workspace_is_free() -> None:
    """Raise RuntimeError while a model of this process runs on DeepSpeed's kernels."""
    if _holder is not None and _holder() is not None:
        gc.collect()  # one that was just replaced may wait to be collected
        if _holder() is not None:
            raise RuntimeError(
                "another model of this process holds DeepSpeed's only workspace; a restart gives it to the champion"
            )


def injected(served: Served, dtype: torch.dtype, tokens: int) -> nn.Module:
    """Return `served` with DeepSpeed's kernels in place of its layers; it must not be used any more by itself.

    The caller's first batch must be the largest: it sizes the workspace, for `tokens` tokens.
    """
    global _holder  # noqa: PLW0603  it mirrors a global of DeepSpeed's
    import deepspeed

    check_workspace_is_free()
    _forget_half_built_layers()
    layers = served.network.encoder.encoder.layer
    with _true_widths():
        engine: nn.Module = deepspeed.init_inference(
            served,
            dtype=dtype,
            replace_with_kernel_inject=True,
            tensor_parallel={"tp_size": 1},
            max_out_tokens=tokens,
            min_out_tokens=tokens,  # else too little memory gives a shorter workspace and wrong answers
        )
    _holder = weakref.ref(engine)
    replaced = [layer for layer in layers if type(layer).__name__ == "DeepSpeedBERTInference"]
    if len(replaced) < len(layers):
        raise RuntimeError(f"kernel injection replaced {len(replaced)} of {len(layers)} layers")
    for layer in replaced:
        layer.config.return_tuple = layer.config.return_single_tuple = False
        layer.config.mlp_act_func_type = _activation(served.network.encoder.config.hidden_act)
    return engine


def _activation(name: str) -> Any:
    from deepspeed.utils.types import ActivationFuncType

    known = {"gelu": ActivationFuncType.GELU, "relu": ActivationFuncType.ReLU}
    if name not in known:
        raise ValueError(f"DeepSpeed's kernels know no activation {name!r}, only {', '.join(known)}")
    return known[name]


def _forget_half_built_layers() -> None:
    """Count layers from 0 again: the counters are global, and an injection that failed leaves them where it stopped."""
    from deepspeed.model_implementations.transformers.ds_transformer import DeepSpeedTransformerInference
    from deepspeed.ops.transformer.inference.ds_attention import DeepSpeedSelfAttention
    from deepspeed.ops.transformer.inference.ds_mlp import DeepSpeedMLP

    DeepSpeedTransformerInference.layer_id = 0
    DeepSpeedSelfAttention.num_layers = 0
    DeepSpeedSelfAttention._qkv_buffers = []
    DeepSpeedMLP._inter_w_buffers = []


@contextmanager
def _true_widths() -> Iterator[None]:
    """Let the BERT policy read the width of the feed-forward layer from the layer."""
    from deepspeed.module_inject.containers.bert import HFBertLayerPolicy

    assumed = HFBertLayerPolicy.get_hidden_heads

    def get_hidden_heads(self: Any) -> tuple[int, int, float, int]:
        hidden, heads, epsilon, _ = assumed(self)
        return hidden, heads, epsilon, self.client_module.intermediate.dense.out_features

    HFBertLayerPolicy.get_hidden_heads = get_hidden_heads
    try:
        yield
    finally:
        HFBertLayerPolicy.get_hidden_heads = assumed
