"""Low-rank adapters (LoRA, Hu et al. 2021) on a teacher's encoder, through `peft`.

The weights stay as they are; each linear layer of attention and feed-forward learns a product of two thin matrices
beside its own. Once merged, what is left is an ordinary state of an ordinary network.
"""

from typing import Any

from torch import Tensor

from undertone.model.network import Network


def attach(network: Network, rank: int) -> None:
    """Freeze the encoder of `network` and put adapters of `rank` on its linear layers; the heads train in full."""
    from peft import LoraConfig, get_peft_model

    # peft scales by alpha / rank: twice the rank is the authors' usual choice and keeps the rate's meaning.
    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", bias="none")
    network.encoder = get_peft_model(network.encoder, config)


def merged(network: Network) -> Network:
    """Return `network` with its adapters, if it has any, added into the weights; the names are those from before."""
    merge: Any = getattr(network.encoder, "merge_and_unload", None)
    if merge is not None:
        network.encoder = merge()
    return network


def state_of(network: Network) -> dict[str, Tensor]:
    """Return the network's weights and the adapters', as copies, by name."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
