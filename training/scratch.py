"""A first tokenizer and an untrained encoder for a task whose base is `scratch`: nothing but the task's own texts.

WordPiece in lower case; Chinese characters stand alone, so that a language without blanks has words.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer
from transformers import BertConfig, BertForMaskedLM

from training.task import Scratch
from undertone.text import model_input

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def make_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """Return a WordPiece tokenizer of at most `size` pieces that was learnt from `texts`."""
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(handle_chinese_chars=True, lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = WordPieceTrainer(vocab_size=size, min_frequency=2, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator((model_input(text) for text in texts), trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def write_base(folder: Path, texts: Iterable[str], shape: Scratch, max_tokens: int, seed: int) -> None:
    """Write an untrained encoder with its tokenizer, in Hugging Face format, whole or not at all."""
    tokenizer = make_tokenizer(texts, shape.vocabulary)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=max_tokens,
    )
    torch.manual_seed(seed)
    unfinished = folder.with_name(folder.name + ".unfinished")
    BertForMaskedLM(config).save_pretrained(unfinished)  # type: ignore[no-untyped-call]
    tokenizer.save(str(unfinished / "tokenizer.json"))
    unfinished.rename(folder)
