"""Tiny causal models of random weights, as folders that look like those of the hub, and tokenizers of all kinds."""

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from conftest import SENTENCES


def byte_level(folder: Path) -> None:
    """A byte-level BPE `tokenizer.json`, as GPT-2 and Qwen have it: no BOS, no padding token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES * 3, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(folder)


def unigram_with_bos(folder: Path) -> None:
    """A Unigram `tokenizer.json` that puts `<s>` before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=160, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES * 20, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    fast.save_pretrained(folder)


def _train_pieces(path: Path, **changes: object) -> None:
    import sentencepiece

    buffer = io.BytesIO()
    common = {"hard_vocab_limit": False, "character_coverage": 1.0, "unk_id": 0, "bos_id": 1, "eos_id": 2, "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20 + sorted({c for s in SENTENCES for c in s})), model_writer=buffer, **common, **changes
    )
    path.write_bytes(buffer.getvalue())


def rinna_pieces(folder: Path) -> None:
    """A bare `spiece.model` as rinna/japanese-gpt2-medium has it: the class of T5, lower case, no BOS before a text.

    The first ids are those of rinnakk/japanese-pretrained-models, data/tokenizer/google_sp.vocab.
    """
    controls = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    _train_pieces(folder / "spiece.model", model_type="unigram", vocab_size=160, pad_id=-1, control_symbols=controls)
    names = {"pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]", "bos": "<s>", "eos": "</s>", "unk": "<unk>"}
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "additional_special_tokens": [], "do_lower_case": True}
    config |= {f"{role}_token": name for role, name in names.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def llama_pieces(folder: Path) -> None:
    """A bare `tokenizer.model` as Llama has it: BPE with bytes, nothing normalized, BOS before a text, no padding."""
    _train_pieces(
        folder / "tokenizer.model", model_type="bpe", vocab_size=420, byte_fallback=True, pad_id=-1,
        normalization_rule_name="identity", remove_extra_whitespaces=False,
    )  # fmt: skip


TOKENIZERS = {"rinna": rinna_pieces, "llama": llama_pieces, "byte-level": byte_level, "unigram": unigram_with_bos}


def make_gpt2(folder: Path, tokenizer: Callable[[Path], None] = byte_level, **changes: object) -> Path:
    """A model folder with a tiny GPT-2 and a byte-level BPE, or another tokenizer."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, **_vocabulary(folder, tokenizer), **changes}
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(**config)).save_pretrained(folder)
    return folder


def make_llama(folder: Path, tokenizer: Callable[[Path], None] = unigram_with_bos) -> Path:
    """A model folder with a tiny Llama and a Unigram tokenizer with BOS, or another."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=256, tie_word_embeddings=False, **_vocabulary(folder, tokenizer),
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def _vocabulary(folder: Path, make: Callable[[Path], None]) -> dict[str, int]:
    """Make a tokenizer in a new folder; what a configuration says of it."""
    from toi.models.tokenizer_files import load_tokenizer

    folder.mkdir(parents=True)
    make(folder)
    tokenizer = load_tokenizer(folder, 0)
    begin, end = tokenizer.bos_id, tokenizer.eos_id
    return {"vocab_size": len(tokenizer), "bos_token_id": end if begin is None else begin, "eos_token_id": end}


MAKERS = {"gpt2": make_gpt2, "llama": make_llama}
# A tiny model with each of the tokenizers, of the kind that has such a tokenizer.
WITH_TOKENIZER = {
    "rinna": partial(make_gpt2, tokenizer=rinna_pieces),
    "llama": partial(make_llama, tokenizer=llama_pieces),
    "byte-level": make_gpt2,
    "unigram": make_llama,
}
