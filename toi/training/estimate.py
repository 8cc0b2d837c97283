"""How much memory a training will take, from the configuration of the model alone: nothing is loaded, and no layer has numbers.

Bytes; P parameters, T of them trained, e bytes of a number in products (2 in bf16 and fp16, else 4):

    weights      P of linear layers x 4, x 2, x 1 (8 bits: Dettmers et al. 2022) or x 4.127 / 8 (4 bits, the scales in 8 bits
                 again: Dettmers et al. 2023, section 3); all others x 4 or x 2 (--model_dtype); adapters x 4
    copies       2 x the trained weights of linear layers, where products are in bf16 or fp16: autocast keeps them for a step
    gradients    4 x T
    optimizer    8 x T for AdamW's and Adadelta's two moments, 4 x T for RMSprop's one, 0 for SGD; Adafactor: 4 x (rows + columns)
                 of each matrix (Shazeer and Stern 2018); adamw_8bit: 2 x T, and a scale for each 256 (Dettmers et al. 2022)
    activations  what backward needs of each token and layer, counted as Korthikanti et al. 2022, section 4.1, for transformers'
                 code. Norms: input and result, 2 h, 4 bytes a number (2 where weights are in half precision). By e: what linear
                 layers read; queries, keys, values, what attention read; what the activation function reads and gives (2 f; 3 f
                 where it is gated, 4 f for GPT-2's, which is composed). A byte of each dropout. h is the hidden size, f that
                 inside the feed-forward net. Linear layers that read the same share it, unless each makes its copy: under
                 autocast, and with --lora_dropout. Adapters keep what their own layers read, and their r numbers.
                 Attention of encoder-decoder models keeps its shares, 9 bytes for each head, query and key; that of others
                 computes them again (Dao et al. 2022). --gradient_checkpointing: h numbers of each layer, and one layer as above.
    logits       12 for each place with a target and each token of the vocabulary: they, their softmax, their gradient

Beside what torch keeps on a CPU (tests/training/test_estimate.py) the activations are 0.9 to 1.05 of it for Llama and GPT-2, 0.7
to 0.9 for T5, whose dropout takes more there. Rows are taken to be as long as the limits allow: most need less. Not counted:
what CUDA itself takes (0.5 to 1 GB), memory that lies idle between blocks, a layer's weights on their way from few bits.
"""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from toi.models.adapters import Base, Shape, adapt, read_base
from toi.models.checkpoint import find
from toi.models.members import family_of
from toi.models.place import is_adapter
from toi.models.pretrained import configuration_of, readable
from toi.system.errors import InputError
from toi.training.optimizer import mixed_precision
from toi.training.options import PAIR_LOSSES, TrainingOptions

_FEW_BITS = {4: (4 + 0.127) / 8, 8: 1.0}  # bytes of a parameter


@dataclass(frozen=True)
class Estimate:
    """Bytes."""

    weights: float
    copies: float
    gradients: float
    optimizer: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """All of them."""
        return sum(getattr(self, part.name) for part in fields(self))


def estimate_memory(options: TrainingOptions) -> str:
    """The estimate, in words. Raises InputError if there is no such model, or peft is missing."""
    model = empty_model(options)
    precision = mixed_precision(options.precision).replace("no", "fp32")
    estimate = estimate_of(model, options, precision)
    all_parameters, trained = list(model.parameters()), [p for p in model.parameters() if p.requires_grad]
    rows, source, target = batch_of(model.config, options)
    held = f"{options.bits} bits" if options.bits else options.model_dtype
    lines = [
        f"{options.model_name_or_path}: {_count(all_parameters)} parameters, {_count(trained)} trained, weights in {held}, "
        f"products in {precision}, batches of {rows:,} rows of {source:,} + {target:,} tokens"
    ]
    lines += [f"{part.name:12}{getattr(estimate, part.name) / 1e9:9.2f} GB" for part in fields(estimate)]
    lines.append(f"{'total':12}{estimate.total / 1e9:9.2f} GB (the formula stands in toi/training/estimate.py)")
    return "\n".join(lines)


def _count(parameters: list[nn.Parameter]) -> str:
    return f"{sum(parameter.numel() for parameter in parameters) / 1e6:,.1f}M"


def empty_model(options: TrainingOptions) -> PreTrainedModel:
    """The model that would be trained, its adapter in it, without numbers."""
    folder = find(options.model_name_or_path, weights=False)
    if is_adapter(folder):
        folder = find(read_base(folder).name, weights=False)
    config = configuration_of(folder)
    family = family_of(config)
    if family is None:
        raise InputError(f"{options.model_name_or_path}: a {config.model_type} model does not write")
    with torch.device("meta"), readable(f"{folder}/config.json: no model can be made of it"):
        model = family.auto_class().from_config(config, dtype=torch.float32, trust_remote_code=False)
    if options.lora_r:
        shape = Shape(options.lora_r, options.lora_alpha, options.lora_dropout, options.lora_target_modules)
        adapt(model, Base(options.model_name_or_path), shape)
    return model


def batch_of(config: PretrainedConfig, options: TrainingOptions) -> tuple[int, int, int]:
    """The rows of a batch, and the most tokens of their sources and targets."""
    source, target = options.max_input_length, options.max_target_length
    room = getattr(config, "max_position_embeddings", None)
    if not config.is_encoder_decoder and room is not None and source + target > room:
        target = min(target, room // 2)
        source = room - target
    budget = options.max_tokens_per_batch
    together = 2 if options.loss in PAIR_LOSSES else 1  # rows of a pair
    units = options.per_device_train_batch_size if budget is None else max(1, budget // (together * source))
    return together * units, source, target


def estimate_of(model: PreTrainedModel, options: TrainingOptions, precision: str) -> Estimate:
    """The estimate for a model without numbers; `precision` is that of the products."""
    e = 4 if precision == "fp32" and options.model_dtype == "float32" else 2
    weight_bytes = 4 if options.model_dtype == "float32" else 2
    linear = {id(layer.weight) for layer in _linear_layers(model)}
    output = model.get_output_embeddings()
    few = linear - {id(output.weight)} if output is not None else linear
    weights = copies = trained = moments = 0.0
    for parameter in model.parameters():
        count = parameter.numel()
        if parameter.requires_grad:
            weights += 4 * count
            trained += count
            moments += _moments(options, parameter)
            copies += 2 * count if precision != "fp32" and id(parameter) in linear else 0
        else:
            weights += count * (_FEW_BITS[options.bits] if options.bits and id(parameter) in few else weight_bytes)
    rows, source, target = batch_of(model.config, options)
    activations = rows * _activations_of_a_row(model, options, e, source, target)
    return Estimate(weights, copies, 4 * trained, moments, activations, 12.0 * rows * target * model.config.vocab_size)


def _moments(options: TrainingOptions, parameter: nn.Parameter) -> float:
    """The bytes that the optimizer remembers of a weight."""
    count = parameter.numel()
    match options.optim:
        case "sgd":
            return 0
        case "adafactor":
            return 4 * sum(parameter.shape) if parameter.ndim > 1 else 4 * count
        case "adamw_8bit":
            return 2 * count * (1 + 4 / 256) if count >= 4096 else 8 * count
    return 4 * count * (1 if options.optim == "rmsprop" else 2)


def _linear_layers(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, (nn.Linear, Conv1D))]


def _activations_of_a_row(model: PreTrainedModel, options: TrainingOptions, e: int, source: int, target: int) -> float:
    """The bytes that backward needs of a row."""
    config, cross = model.config, model.config.is_encoder_decoder
    layers = config.num_hidden_layers
    above = (getattr(config, "num_decoder_layers", None) or layers) if cross else 0
    attention, dense = _kept_of_a_token(model, options, e)
    inputs = _inputs_of_a_token(model, options, e) / (layers * 2 + above * 3 if cross else layers * 2)  # of a half of a layer
    stacks = [(layers, source if cross else source + target, attention + dense + 2 * inputs, 0)]
    if cross:
        shares = config.num_attention_heads * 9
        stacks[0] = (*stacks[0][:3], source * source * shares)
        stacks.append((above, target, 2 * attention + dense + 3 * inputs, (target + source) * target * shares))
    if options.gradient_checkpointing:
        once = max(tokens * each + of_shares for _, tokens, each, of_shares in stacks)
        return once + sum(count * tokens * config.hidden_size * e for count, tokens, *_ in stacks)
    return sum(count * (tokens * each + of_shares) for count, tokens, each, of_shares in stacks)


def _kept_of_a_token(model: PreTrainedModel, options: TrainingOptions, e: int) -> tuple[float, float]:
    """The bytes that attention and the feed-forward net of a layer keep of a token, without the inputs of linear layers."""
    config, norm = model.config, 4 if options.model_dtype == "float32" else 2
    hidden, heads = config.hidden_size, config.num_attention_heads
    size = getattr(config, "head_dim", None) or getattr(config, "d_kv", None) or hidden // heads
    queries, keys = heads * size, (getattr(config, "num_key_value_heads", None) or heads) * size
    around = 2 * hidden * norm + hidden
    inner, gated = _inner(model)
    composed = getattr(config, "activation_function", None) == "gelu_new"
    return around + (2 * queries + 2 * keys) * e, around + (3 if gated else 4 if composed else 2) * inner * e


def _inputs_of_a_token(model: PreTrainedModel, options: TrainingOptions, e: int) -> float:
    """The bytes that all linear layers keep of a token: what they read, as often as it is copied."""
    if not options.lora_r:
        read = [_read(layer) for layer in _linear_layers(model) if layer is not model.get_output_embeddings()]
        copied, size, rank = options.model_dtype == "float32" and e == 2, e, 0
    else:
        matrices = [p for name, p in model.named_parameters() if ".lora_A." in name]  # (r, in)
        read, rank = [p.shape[1] for p in matrices], sum(p.shape[0] for p in matrices)
        copied, size = (
            options.lora_dropout > 0 or e == 2,
            4 if options.model_dtype != "float32" and options.precision == "fp32" else e,
        )
    hidden = model.config.hidden_size
    if not copied:  # one input of attention's three, and of the two of a gated net
        wide = [n for n in read if n == hidden]
        read = [n for n in read if n != hidden] + wide[: len(wide) // 2]
    return sum(read) * size + rank * e


def _inner(model: PreTrainedModel) -> tuple[int, bool]:
    """The width of the feed-forward net of a layer, and whether it is gated."""
    config = model.config
    size = next((n for name in ("intermediate_size", "d_ff", "n_inner", "ffn_dim") if (n := getattr(config, name, None))), None)
    size = size or 4 * config.hidden_size
    widths = [_width(layer) for layer in _linear_layers(model) if _read(layer) == config.hidden_size]
    down = sum(_read(layer) == size for layer in _linear_layers(model))
    return size, widths.count(size) + 2 * widths.count(2 * size) >= 2 * down > 0


def _width(layer: Any) -> int:
    """How many numbers a layer gives."""
    return layer.nf if isinstance(layer, Conv1D) else layer.out_features


def _read(layer: Any) -> int:
    """How many numbers a layer reads."""
    return layer.nx if isinstance(layer, Conv1D) else layer.in_features
