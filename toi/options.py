"""Options that several scripts share. Nothing heavy is imported here."""

import re
from dataclasses import dataclass, field
from math import inf
from typing import Literal

TaskName = Literal["qa", "aqg", "aqg-hl"]


@dataclass
class ModelOptions:
    """Which model, and how long its texts are."""

    model_name_or_path: str = "model"
    """A model folder, or a T5 of the Hugging Face hub."""
    tokenizer_name_or_path: str | None = None
    """The tokenizer, for a model without one of its own: a folder, or a model of the hub."""
    max_input_length: int | None = None
    """Sources are cut to this many tokens. [default: as in the model's training, else 512]"""
    max_target_length: int | None = None
    """The longest output, in tokens. [default: as in the model's training, else 64]"""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        return at_least(self, 2, "max_input_length", "max_target_length")


@dataclass
class DecodingOptions(ModelOptions):
    """How outputs are searched for; the names are those of `model.generate`."""

    num_beams: int = 4
    """Beams of the beam search; 1 is greedy search. Sampling has none."""
    num_beam_groups: int = 1
    """Groups of the beams that shall differ (diverse beam search); needs --diversity_penalty."""
    diversity_penalty: float = 0.0
    """What a token loses, in log-probability, for each group that has just chosen it."""
    do_sample: bool = False
    """Draw outputs at random instead of searching for the likeliest."""
    temperature: float = 1.0
    """For --do_sample: below 1 likely tokens become likelier, above 1 less so."""
    top_k: int = 50
    """For --do_sample: draw among so many of the likeliest tokens; 0 for all."""
    top_p: float = 1.0
    """For --do_sample: draw among the likeliest tokens that together have this probability."""
    length_penalty: float = 0.0
    """Scores are log-probabilities divided by length ** length_penalty: above 0 longer outputs gain; 0 finds the likeliest."""
    repetition_penalty: float = 1.0
    """Above 1, tokens that the output has already are less likely."""
    no_repeat_ngram_size: int = 0
    """No n-gram of this size twice in an output; 0 allows all."""
    bad_words: list[str] = field(default_factory=list)
    """Words that must not occur in an output, in whatever width or case."""
    bad_words_file: str | None = None
    """More of them, one a line."""
    backend: Literal["auto", "torch", "ctranslate2"] = "auto"
    """What computes; auto is CTranslate2 without an accelerator, for what it does exactly, else torch."""
    compute_type: Literal["auto", "float32", "int8"] = "auto"
    """Numbers of the matrix products; auto is float32. int8 is faster, less exact, and CTranslate2's only."""
    max_batch_tokens: int = 8192
    """Source tokens in a batch, padding included. Changes the speed, not the outputs."""
    seed: int = 42
    """For --do_sample: the random numbers."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = super().problems() + at_least(self, 1, "num_beams", "num_beam_groups", "max_batch_tokens")
        found += at_least(self, 0, "no_repeat_ngram_size", "top_k")
        found += [
            f"--{name} must be above 0" for name in ("repetition_penalty", "temperature") if not 0 < getattr(self, name) < inf
        ]
        if not 0 < self.top_p <= 1:
            found.append("--top_p must be above 0 and at most 1")
        if not 0 <= self.diversity_penalty < inf:
            found.append("--diversity_penalty must be at least 0")
        if not -inf < self.length_penalty < inf:
            found.append("--length_penalty must be a number")
        if not 0 <= self.seed < 2**32:
            found.append(f"--seed must be at least 0 and below 2**32, not {self.seed}")
        found += self._combinations()
        from toi.text.normalization import normalize

        found += [f"--bad_words has a word without visible characters: {word!r}" for word in self.bad_words if not normalize(word)]
        return found

    def all_bad_words(self) -> list[str]:
        """The words of --bad_words and --bad_words_file. Raises InputError with the line of a word that nobody could see."""
        from toi.system.errors import InputError
        from toi.system.files import read_lines
        from toi.text.normalization import normalize

        words = list(self.bad_words)
        if self.bad_words_file is not None:
            for number, line in enumerate(read_lines(self.bad_words_file), start=1):
                word = line.removesuffix("\r")
                if word and not normalize(word):
                    raise InputError(f"{self.bad_words_file}:{number}: a word without visible characters: {word!r}")
                words += [word] if word else []
        return words

    def _combinations(self) -> list[str]:
        found = []
        defaults = {"temperature": 1.0, "top_k": 50, "top_p": 1.0}
        given = [f"--{name}" for name, value in defaults.items() if getattr(self, name) != value]
        if given and not self.do_sample:
            found.append(f"{' and '.join(given)} {'need' if len(given) > 1 else 'needs'} --do_sample")
        diverse = [
            f"--{name}" for name, value in (("num_beam_groups", 1), ("diversity_penalty", 0)) if getattr(self, name) != value
        ]
        if self.do_sample and diverse:
            found.append(f"{' and '.join(diverse)} cannot go with --do_sample, which has no beams")
        if self.num_beam_groups > 1 and self.diversity_penalty == 0:
            found.append("--num_beam_groups needs --diversity_penalty, or the groups find the same")
        if self.num_beam_groups > 1 and self.num_beams % self.num_beam_groups:
            found.append(f"--num_beams {self.num_beams} cannot be divided into {self.num_beam_groups} --num_beam_groups")
        if (
            self.diversity_penalty
            and self.num_beam_groups == 1
            and getattr(self, "num_return_sequences", 1) == 1
            and not self.do_sample
        ):
            found.append("--diversity_penalty needs --num_beam_groups or --num_return_sequences above 1")
        beyond = ["--do_sample"] * self.do_sample + diverse
        only_torch = {"repetition_penalty": 1, "no_repeat_ngram_size": 0, "length_penalty": 0, "num_return_sequences": 1}
        beyond += [f"--{name}" for name, value in only_torch.items() if getattr(self, name, value) != value]
        if self.backend == "torch" and self.compute_type == "int8":
            found.append("--compute_type int8 is not for --backend torch")
        elif beyond and (self.backend == "ctranslate2" or self.compute_type == "int8"):
            ours = "--backend ctranslate2" if self.backend == "ctranslate2" else "--compute_type int8"
            found.append(f"{ours} cannot go with {' and '.join(dict.fromkeys(beyond))}, which only torch does here")
        return found


@dataclass
class NBestOptions(DecodingOptions):
    """How many outputs are searched for."""

    num_return_sequences: int = 1
    """So many outputs that differ after normalization, if the model finds them."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = super().problems() + at_least(self, 1, "num_return_sequences")
        n = self.num_return_sequences
        if n > self.num_beams >= 1 and not self.do_sample and not (self.diversity_penalty and self.num_beam_groups == 1):
            found.append(f"--num_return_sequences {n} needs --num_beams {n}, or --do_sample, or --diversity_penalty without groups")
        return found


LOSSES = ("cross_entropy", "label_smoothing", "focal", "unlikelihood")


@dataclass
class TrainOptions(DecodingOptions):
    """Fine-tune a T5 on a data folder, and score the model with the best validation loss."""

    model_name_or_path: str = "sonoisa/t5-base-japanese"
    """The model to start from: a folder, or a T5 of the Hugging Face hub."""
    data_dir: str = "data"
    """The data folder: train.tsv, dev.tsv, test.tsv."""
    output_dir: str = "model"
    """The model folder: the best model is kept here."""
    overwrite_output_dir: bool = False
    """Replace the run that --output_dir holds."""
    do_train: bool = False
    """Train, and keep the model with the lowest validation loss."""
    do_eval: bool = False
    """Score the model in --output_dir on the dev and the test split."""
    from_scratch: bool = False
    """Take only the configuration and the tokenizer of the model, and start from random weights."""
    task: TaskName | None = None
    """What the model does, for a data folder without task.json."""
    max_train_samples: int | None = None
    """Train on this many rows, chosen by the seed, for a quick look."""
    num_train_epochs: int = 4
    """How often the training data is gone through."""
    max_steps: int | None = None
    """Stop behind so many steps of the optimizer, instead of --num_train_epochs."""
    eval_steps: int | None = None
    """Validate every so many steps, instead of behind every epoch."""
    eval_before_training: bool = False
    """Validate before the first step too."""
    early_stopping_patience: int | None = None
    """Stop when so many validations in a row brought nothing better."""
    max_input_length: int = 512
    """Sources are cut to this many tokens."""
    max_target_length: int = 64
    """Targets are cut to this many tokens."""
    per_device_train_batch_size: int = 8
    """Rows per batch and process."""
    max_tokens_per_batch: int | None = None
    """Batches of so many source tokens, padding included, per process, instead of --per_device_train_batch_size rows."""
    per_device_eval_batch_size: int = 32
    """Rows per batch and process when validating and scoring."""
    gradient_accumulation_steps: int = 1
    """Batches per step of the optimizer."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, more time."""
    torch_compile: bool = False
    """Compile the model with torch.compile, which needs a C++ compiler on CPUs and some minutes at the start."""
    learning_rate: float = 1e-4
    """The peak learning rate."""
    weight_decay: float = 0.01
    """Weight decay; norms and biases have none."""
    warmup_ratio: float = 0.1
    """The share of the steps in which the learning rate rises."""
    warmup_steps: int | None = None
    """The steps in which the learning rate rises, instead of --warmup_ratio."""
    lr_scheduler_type: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate goes on behind the warm-up: down to 0 on a line or a cosine, or not at all."""
    optim: Literal["adamw", "adafactor"] = "adamw"
    """The optimizer: AdamW (fused), or Adafactor, which needs less memory."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    loss: str = "cross_entropy"
    """cross_entropy, label_smoothing, focal, unlikelihood, or a function of one's own: my_losses.py:my_loss."""
    label_smoothing_factor: float = 0.1
    """For --loss label_smoothing: the share of the target that is spread over the vocabulary."""
    focal_gamma: float = 2.0
    """For --loss focal: how much less what is known already counts."""
    unlikelihood_alpha: float = 1.0
    """For --loss unlikelihood: the weight of the penalty on repetition."""
    save_steps: int | None = None
    """Write a checkpoint every so many steps, beside the model folder; one is written behind every epoch in any case."""
    save_total_limit: int = 1
    """Keep so many checkpoints."""
    resume_from_checkpoint: str | None = None
    """Go on with a run from its last checkpoint (auto), or from the one in this folder."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Numbers of the matrix products; auto is bf16 where the machine has it. fp16 is for GPUs without bf16."""
    report_to: Literal["none", "tensorboard"] = "none"
    """tensorboard writes event files beside the model folder, in {output_dir}.runs."""
    push_to_hub: bool = False
    """Upload the model folder to the Hugging Face hub at the end (log in first: hf auth login)."""
    hub_model_id: str | None = None
    """The name on the hub. [default: the name of the model folder, in your account]"""
    seed: int = 42
    """Order of the data, dropout, the weights of --from_scratch, and --do_sample."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = super().problems()
        if not self.do_train and not self.do_eval:
            found.append("nothing to do: give --do_train, --do_eval or both")
        found += at_least(self, 1, "num_train_epochs", "per_device_train_batch_size", "per_device_eval_batch_size")
        found += at_least(self, 1, "gradient_accumulation_steps", "save_total_limit")
        found += at_least(self, 1, "max_train_samples", "max_steps", "eval_steps", "early_stopping_patience", "save_steps")
        found += at_least(self, 1, "max_tokens_per_batch")
        found += at_least(self, 0, "warmup_steps")
        found += [f"--{name} must be above 0" for name in ("learning_rate", "max_grad_norm") if not getattr(self, name) > 0]
        if not 0 <= self.label_smoothing_factor < 1:
            found.append("--label_smoothing_factor must be at least 0 and below 1")
        found += [f"--{name} must be at least 0" for name in ("focal_gamma", "unlikelihood_alpha") if not getattr(self, name) >= 0]
        if self.loss not in LOSSES and not re.fullmatch(r".+\.py:\w+", self.loss):
            found.append(f"--loss must be {', '.join(LOSSES)} or FILE.py:FUNCTION, not {self.loss}")
        if self.hub_model_id is not None and not self.push_to_hub:
            found.append("--hub_model_id is for --push_to_hub")
        if not 0 <= self.warmup_ratio <= 1:
            found.append("--warmup_ratio must be between 0 and 1")
        if self.weight_decay < 0:
            found.append("--weight_decay must be at least 0")
        return found


@dataclass
class ScoringOptions:
    """How outputs are scored, and what else is looked at."""

    profile: Literal["toi", "jglue", "sonoisa", "lmqg"] = "toi"
    """Whose conventions: toi's, JSQuAD's in JGLUE, sonoisa's T5 on JSQuAD, lm-question-generation's (docs/evaluation.md)."""
    tokenizers: list[str] = field(default_factory=lambda: ["mecab"])
    """What BLEU, ROUGE and distinct-n count: mecab, sudachi-a, sudachi-b, sudachi-c, char, t5:FOLDER; several: a table."""
    tokenizer_name: str | None = None
    """The folder of the T5 tokenizer for --profile sonoisa. [default: the model's]"""
    n_resamples: int = 1000
    """Bootstrap resamples for the 95% intervals and p-values; 0 leaves the intervals out."""
    bootstrap_seed: int = 0
    """Draws the resamples."""
    compare: str | None = None
    """Another file of predictions on the same rows: differences, p-values, and the examples that changed most."""
    stop_words: list[str] = field(default_factory=lambda: ["でしょう", "どんな", "どちら", "さて"])
    """Words that never count as hallucination; nothing behind the option means none."""
    hallucination_tokenizer: Literal["mecab", "ginza"] = "mecab"
    """Who cuts outputs into words when looking for hallucination."""
    qa_model: str | None = None
    """A model that answers questions: it answers the generated ones, and its answers are scored against the gold ones."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        found = at_least(self, 0, "n_resamples", "bootstrap_seed")
        if not self.tokenizers:
            found.append("--tokenizers needs one tokenizer at least")
        if len(set(self.tokenizers)) < len(self.tokenizers):
            found.append("--tokenizers has one twice")
        if self.profile != "toi" and self.tokenizers != ["mecab"]:
            found.append(f"--tokenizers are for --profile toi; {self.profile} has its own")
        if self.compare and self.n_resamples == 0:
            found.append("--compare needs --n_resamples")
        return found


def at_least(options: object, least: int, *names: str) -> list[str]:
    """A problem for each named option that is given and less than `least`."""
    values = {name: getattr(options, name) for name in names}
    return [f"--{name} must be at least {least}, not {v}" for name, v in values.items() if v is not None and v < least]
