"""Options of training. Nothing heavy is imported here."""

import re
from dataclasses import dataclass, fields
from typing import Literal, get_args

from toi.data.options import TaskName
from toi.models.options import ModelOptions
from toi.system.optional import missing
from toi.system.options import at_least, at_most

# The losses of toi/training/losses.py and toi/training/preference.py, each with the options that are its parameters.
LOSSES = {
    "cross_entropy": (),
    "label_smoothing": ("label_smoothing_factor",),
    "focal": ("focal_gamma",),
    "unlikelihood": ("unlikelihood_alpha",),
    "dpo": ("beta", "label_smoothing_factor"),
    "ipo": ("beta",),
    "choice": (),
}
PAIR_LOSSES = ("dpo", "ipo")  # of two answers to a source (toi/data/pairs.py)
PAIR_FIGURES = ("accuracy", "margin", "reward_chosen", "reward_rejected")  # that a validation finds beside such a loss

# What a run may keep its best model by: the validation loss, the share of pairs that are told right, or figures of what the model
# writes. Of all but the loss higher is better.
Metric = Literal["eval_loss", "accuracy", "exact_match", "bleu", "rougeL"]
METRICS = get_args(Metric)[2:]  # of what the model writes
SAMPLES = 5  # of instructions
Optimizer = Literal["adamw", "adafactor", "sgd", "rmsprop", "adadelta", "adamw_8bit"]


@dataclass
class LoraOptions(ModelOptions):
    """An adapter is trained instead of the weights (Hu et al. 2021), and the numbers in which the frozen weights are held."""

    lora_r: int = 0
    """Train adapters of this rank (LoRA) and leave the weights as they are; 0 trains the weights."""
    lora_alpha: float | None = None
    """What adapters add is multiplied by lora_alpha / lora_r. [default: twice --lora_r]"""
    lora_dropout: float = 0.0
    """Dropout before the adapters."""
    lora_target_modules: str = "all-linear"
    """The layers that get one: all-linear, or the ends of their names: q_proj,v_proj"""
    load_in_4bit: bool = False
    """Hold the frozen weights of linear layers in 4 bits (NF4 of bitsandbytes)."""
    load_in_8bit: bool = False
    """Hold them in 8 bits."""
    model_dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """The numbers that frozen weights are held in; what is trained is always in float32."""
    merge_adapter: bool = False
    """Write an ordinary model, the adapter added to its weights, instead of an adapter folder."""

    @property
    def bits(self) -> int | None:
        """The bits of a frozen weight of a linear layer, if they are few."""
        return 4 if self.load_in_4bit else 8 if self.load_in_8bit else None

    def problems(self) -> list[str]:
        """What is wrong with these options, or not installed."""
        problems = super().problems() + at_least(self, 0, "lora_r")
        if self.lora_r == 0:
            own = fields(LoraOptions)[len(fields(ModelOptions)) :]
            given = [option.name for option in own if getattr(self, option.name) != option.default]
            return problems + [f"--{name} is for training an adapter: give --lora_r too" for name in given]
        if self.lora_alpha is not None and not self.lora_alpha > 0:
            problems.append("--lora_alpha must be above 0")
        if not 0 <= self.lora_dropout < 1:
            problems.append("--lora_dropout must be at least 0 and below 1")
        if not all(name.strip() for name in self.lora_target_modules.split(",")):
            problems.append("--lora_target_modules must be all-linear, or names with commas between them")
        if self.load_in_4bit and self.load_in_8bit:
            problems.append("give --load_in_4bit or --load_in_8bit, not both")
        if self.bits and self.merge_adapter:
            problems.append(f"--merge_adapter cannot go with --load_in_{self.bits}bit, whose weights are not those of the base")
        problems += missing("--lora_r", "peft")
        return problems + (missing(f"--load_in_{self.bits}bit", "bitsandbytes") if self.bits else [])


@dataclass
class LossOptions(LoraOptions):
    """What is learnt of a row, and what the model is shown of it."""

    loss: str = "cross_entropy"
    """cross_entropy, label_smoothing, focal, unlikelihood; of pairs dpo, ipo; or a function of one's own: my_losses.py:my_loss."""
    label_smoothing_factor: float | None = None
    """For --loss label_smoothing: the share of the target that is spread over the vocabulary [default: 0.1]. For --loss dpo: the
    share of the pairs that may be the wrong way round [default: 0]."""
    focal_gamma: float = 2.0
    """For --loss focal: how much less what is known already counts."""
    unlikelihood_alpha: float = 1.0
    """For --loss unlikelihood: the weight of the penalty on repetition."""
    beta: float = 0.1
    """For --loss dpo and ipo: how strongly the model is held to what it was before the training."""
    token_mask_probability: float = 0.0
    """The share of the tokens of a source that the model is not shown in training: another one in every step."""
    neftune_noise_alpha: float = 0.0
    """Noise on what is read in training: uniform within alpha / sqrt(tokens * width) on each number of an embedding."""
    source_loss_weight: float = 0.0
    """How much a token of the source counts in the loss, where one of the target counts 1; for a causal model only."""

    def __post_init__(self) -> None:
        if self.label_smoothing_factor is None:
            self.label_smoothing_factor = 0.0 if self.loss in PAIR_LOSSES else 0.1

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        if self.loss not in LOSSES and not re.fullmatch(r".+\.py:\w+", self.loss):
            problems.append(f"--loss must be {', '.join(LOSSES)} or FILE.py:FUNCTION, not {self.loss}")
        problems += at_least(self, 0, "focal_gamma", "unlikelihood_alpha", "source_loss_weight", "neftune_noise_alpha")
        if not self.beta > 0:
            problems.append("--beta must be above 0")
        if not 0 <= self.token_mask_probability < 1:
            problems.append("--token_mask_probability must be at least 0 and below 1")
        if self.token_mask_probability and self.source_loss_weight:
            problems.append("--token_mask_probability cannot go with --source_loss_weight, which would teach the mask")
        most = 0.5 if self.loss == "dpo" else 1  # half of the pairs the wrong way round: nothing is left to learn
        if self.label_smoothing_factor is not None and not 0 <= self.label_smoothing_factor < most:
            problems.append(f"--label_smoothing_factor must be at least 0 and below {most}")
        if self.loss in PAIR_LOSSES and self.source_loss_weight:
            problems.append(f"--source_loss_weight cannot go with --loss {self.loss}: both answers have the same source")
        if self.loss == "choice" and self.source_loss_weight:
            problems.append("--source_loss_weight cannot go with --loss choice: each choice has the same source")
        for name in ("token_mask_probability", "neftune_noise_alpha"):
            if self.loss in PAIR_LOSSES and getattr(self, name):
                problems.append(f"--{name} cannot go with --loss {self.loss}: the reference reads what is there")
        return problems


@dataclass
class LearningOptions(LossOptions):
    """What a training run is: a run that goes on from a checkpoint must have the same."""

    model_name_or_path: str = "sonoisa/t5-base-japanese"
    """The model to start from: a folder, or a T5 (or causal model) of the Hugging Face hub."""
    data_dir: str = "data"
    """The data folder: train.tsv, dev.tsv, test.tsv."""
    output_dir: str = "model"
    """The model folder: the best model is kept here."""
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
    evals_per_epoch: int | None = None
    """Validate so many times in every epoch, in parts of about the same number of steps."""
    eval_before_training: bool = False
    """Validate before the first step too."""
    metric_for_best_model: Metric = "eval_loss"
    """What decides which model is kept: the validation loss, a score of what the model writes for dev (--num_beams, ...), or for
    --loss dpo and ipo the accuracy on the pairs of dev."""
    load_best_model_at_end: bool = True
    """Keep the model that is best on dev; with --no_load_best_model_at_end, the last one."""
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
    optim: Optimizer = "adamw"
    """The optimizer: AdamW, AdamW with its moments in 8 bits, Adafactor, SGD, RMSprop or Adadelta, as torch has them."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""
    share_contexts: bool = True
    """Let a causal model read what sources of a batch begin with once; rows that begin alike are trained on in one step."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Numbers of the matrix products; auto is bf16 where the machine has it. fp16 is for GPUs without bf16."""
    seed: int = 42
    """Order of the data, dropout, the weights of --from_scratch, and --do_sample."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        problems += at_least(self, 1, "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps")
        problems += at_least(self, 1, "max_train_samples", "max_steps", "eval_steps", "early_stopping_patience")
        problems += at_least(self, 1, "max_tokens_per_batch", "evals_per_epoch")
        problems += at_least(self, 0, "warmup_steps", "weight_decay")
        problems += [f"--{name} must be above 0" for name in ("learning_rate", "max_grad_norm") if not getattr(self, name) > 0]
        if self.metric_for_best_model == "accuracy" and self.loss not in PAIR_LOSSES:
            problems.append(f"--metric_for_best_model accuracy is of pairs: give --loss {' or '.join(PAIR_LOSSES)}")
        if self.early_stopping_patience and not self.load_best_model_at_end:
            problems.append("--early_stopping_patience cannot go with --no_load_best_model_at_end, by which the last is the best")
        if self.eval_steps and self.evals_per_epoch:
            problems.append("give --eval_steps or --evals_per_epoch, not both")
        if self.neftune_noise_alpha and self.torch_compile:
            problems.append("--neftune_noise_alpha cannot go with --torch_compile: compiled embeddings take no noise")
        if self.optim == "adamw_8bit":
            problems += missing("--optim adamw_8bit", "bitsandbytes")
        if not 0 <= self.warmup_ratio <= 1:
            problems.append("--warmup_ratio must be between 0 and 1")
        if self.from_scratch and self.lora_r:
            problems.append("--from_scratch cannot go with --lora_r: random weights have to be trained themselves")
        return problems


@dataclass
class TrainingOptions(LearningOptions):
    """A training run, and what may change where it goes on."""

    overwrite_output_dir: bool = False
    """Replace the run that --output_dir holds."""
    do_train: bool = False
    """Train, and keep the best model on dev (--metric_for_best_model)."""
    do_eval: bool = False
    """Score the model in --output_dir on the dev and the test split."""
    estimate_memory: bool = False
    """Print how much memory the training will take, from the configuration of the model alone, and stop."""
    per_device_eval_batch_size: int = 32
    """Rows per batch and process when validating and scoring."""
    eval_samples: int | None = None
    """Show, with each validation, what the model writes for so many rows of dev. [default: 5 for instructions, else 0]"""
    save_steps: int | None = None
    """Write a checkpoint every so many steps, beside the model folder; one is written behind every epoch in any case."""
    save_total_limit: int = 1
    """Keep so many checkpoints."""
    resume_from_checkpoint: str | None = None
    """Go on with a run from its last checkpoint (auto), or from the one in this folder."""
    report_to: Literal["none", "tensorboard"] = "none"
    """tensorboard writes event files beside the model folder, in {output_dir}.runs."""
    push_to_hub: bool = False
    """Upload the model folder to the Hugging Face hub at the end (log in first: hf auth login)."""
    hub_model_id: str | None = None
    """The name on the hub. [default: the name of the model folder, in your account]"""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        problems = super().problems()
        if not self.do_train and not self.do_eval and not self.estimate_memory:
            problems.append("nothing to do: give --do_train, --do_eval or both")
        problems += at_least(self, 1, "per_device_eval_batch_size", "save_steps", "save_total_limit")
        problems += at_least(self, 0, "eval_samples") + at_most(self, 100, "eval_samples")
        if self.hub_model_id is not None and not self.push_to_hub:
            problems.append("--hub_model_id is for --push_to_hub")
        return problems
