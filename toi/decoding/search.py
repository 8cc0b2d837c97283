"""Search with torch: beams, diverse groups of beams, and sampling, under constraints on the text.

A batch of sources goes in, and for each the finished candidates come out. Nothing depends on the batch a source is in. A source is
searched until nothing better is to be expected, not until so many candidates are finished: a model that is sure of a long output
finishes many short and bad ones on the way.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy
import torch
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from toi.decoding.banned import BannedText, State
from toi.models.batches import pad
from toi.models.t5 import decoder as t5_decoder


@dataclass(frozen=True)
class Candidate:
    """An output in tokens, the end-of-sequence id included if it was written.

    `log_prob` is what the model gives it, given that it is not empty: the sum over its tokens, in nats.
    `rank` is what the search orders by: the log-probability with the penalties asked for, over length ** length_penalty.
    """

    ids: tuple[int, ...]
    log_prob: float
    rank: float


@dataclass(frozen=True)
class Plan:
    """How to search. `groups` divide the beams; with `do_sample`, `samples` outputs are drawn instead, from number `first` on."""

    beams: int = 4
    groups: int = 1
    diversity_penalty: float = 0.0
    length_penalty: float = 0.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    max_length: int = 64
    num_hypotheses: int = 1
    do_sample: bool = False
    samples: int = 1
    first: int = 0
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    seed: int = 42

    def wider(self) -> "Plan":
        """The same with twice as many beams in every group, or with as many further samples."""
        if self.do_sample:
            return replace(self, first=self.first + self.samples)
        return replace(self, beams=self.beams * 2, num_hypotheses=self.num_hypotheses * 2)


@dataclass(frozen=True)
class Model:
    """What a search needs to know of a model."""

    model: PreTrainedModel
    start_id: int
    pad_id: int
    eos_id: int


Constraints = Sequence[Sequence[BannedText]]
NO_MEMORY = "one source alone needs more memory than there is; lower --max_input_length, --num_beams or --num_return_sequences"


def start_id(model: PreTrainedModel) -> int:
    """What the decoder starts with."""
    for config in (model.generation_config, model.config):
        if getattr(config, "decoder_start_token_id", None) is not None:
            return int(config.decoder_start_token_id)
    return int(model.config.pad_token_id)


def out_of_memory(error: Exception) -> bool:
    """Whether this is what torch or CTranslate2 say when memory is short: on CPUs they have no type of their own for it."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc", "failed to allocate memory")
    return any(words in str(error).lower() for words in said)


@torch.inference_mode()
def search(
    model: Model, sources: Sequence[Sequence[int]], plan: Plan, constraints: Constraints | None = None
) -> list[list[Candidate]]:
    """The candidates of each source (lists of ids), the best first; none where the constraints leave nothing.

    With groups, the best of each group come first, then the second best, and so on.
    """
    constraints = constraints or [()] * len(sources)
    if plan.do_sample:
        return _sample(model, sources, plan, constraints)
    return _beam_search(model, sources, plan, constraints)


class _Decoder:
    """A batch of outputs under way, one token further with each step."""

    def __init__(self, model: Model, sources: Sequence[Sequence[int]]):
        device = model.model.device
        input_ids = pad(sources, model.pad_id).to(device)  # (rows, source)
        mask = pad([[1] * len(ids) for ids in sources], 0).to(device)
        hidden = model.model.get_encoder()(input_ids=input_ids, attention_mask=mask).last_hidden_state
        known = t5_decoder.knows(model.model)
        self._steps = t5_decoder.T5Decoder(model.model, hidden, mask) if known else _AnyDecoder(model.model, hidden, mask)
        self._device = device

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """The logits behind the tokens, one of each output: (outputs,) -> (outputs, vocabulary), in single precision."""
        return self._steps.step(tokens.to(self._device)).float()

    def select(self, outputs: torch.Tensor) -> None:
        """Go on with these outputs (indices)."""
        self._steps.select(outputs.to(self._device))


class _AnyDecoder:
    """The decoder of any model, with the caches of transformers. As `T5Decoder`."""

    def __init__(self, model: PreTrainedModel, hidden: torch.Tensor, mask: torch.Tensor):
        self._model, self._hidden = model, hidden
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self._rows = mask  # of each output: (outputs, source)
        self._first = True

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        # Behind the first step the decoder has keys and values of the source in its cache: only the shape counts.
        hidden = self._hidden if self._first else self._hidden[:1].expand(len(tokens), -1, -1)
        logits = self._model(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden), attention_mask=self._rows,
            decoder_input_ids=tokens[:, None], past_key_values=self._cache, use_cache=True,
        ).logits  # fmt: skip
        self._first = False
        return logits[:, -1]

    def select(self, outputs: torch.Tensor) -> None:
        self._cache.self_attention_cache.reorder_cache(outputs)
        self._cache.cross_attention_cache.reorder_cache(outputs)
        self._rows = self._rows[outputs]


def _beam_search(model: Model, sources: Sequence[Sequence[int]], plan: Plan, constraints: Constraints) -> list[list[Candidate]]:
    """Diverse beam search (Vijayakumar et al. 2016, with Hamming diversity); with one group, beam search."""
    size = plan.beams // plan.groups
    found = [[_Group() for _ in range(plan.groups)] for _ in sources]
    decoder = _Decoder(model, sources)
    rows = list(range(len(sources)))  # the sources that are still searched
    width = 1  # outputs of each, from the second step on plan.beams
    ids = torch.full((len(rows), width, 1), model.start_id)  # (rows, width, length)
    totals = torch.zeros(len(rows), width)  # log-probabilities with penalties, by which beams are ranked
    sums = torch.zeros(len(rows), width)  # and those of the model
    states = [tuple(banned.start for banned in constraints[row]) for row in rows]  # one for each output, row by row
    for step in range(plan.max_length):
        logits = decoder.step(ids[:, :, -1].flatten())
        log_probs, ranked = _log_probs(logits, ids.flatten(0, 1)[:, 1:], plan, model.eos_id)
        ranked = _without_banned(ranked, [constraints[row] for row in rows for _ in range(width)], states)
        log_probs, ranked = log_probs.view(len(rows), width, -1), ranked.view(len(rows), width, -1)
        ranked = ranked + totals[..., None].to(ranked.device)  # (rows, width, vocabulary)
        picked: list[list[_Pick]] = [[] for _ in rows]  # of each source, one for each group
        used = torch.zeros_like(ranked[:, :1])  # how often earlier groups chose a token in this step: (rows, 1, vocabulary)
        for group in range(plan.groups):
            first, behind = (0, 1) if step == 0 else (group * size, (group + 1) * size)
            part = ranked[:, first:behind] - plan.diversity_penalty * used if group else ranked[:, first:behind]
            values, flat = part.flatten(1).topk(min(2 * size, part[0].numel()))  # (rows, 2 x size)
            tokens = flat % part.shape[-1]
            parents = flat // part.shape[-1] + first
            lists = zip(values.tolist(), parents.tolist(), tokens.tolist(), strict=True)
            for i, options in enumerate(lists):
                pick = _pick(list(zip(*options, strict=True)), size, model.eos_id, step + 1 == plan.max_length)
                picked[i].append(pick)
                place = found[rows[i]][group]
                if place.done:
                    continue
                for value, parent, token in pick.finished:
                    written = (*ids[i, parent, 1:].tolist(), token)
                    log_prob = sums[i, parent].item() + log_probs[i, parent, token].item()
                    place.candidates.append(Candidate(written, log_prob, value / len(written) ** plan.length_penalty))
                place.done = _is_done(place, pick, size, plan, step + 1) or step + 1 == plan.max_length
                for _, _, token in pick.alive:
                    used[i, 0, token] += 1
        going_on = [i for i, row in enumerate(rows) if not all(group.done for group in found[row])]
        if not going_on:
            break
        alive = [[beam for pick in picked[i] for beam in pick.alive] for i in going_on]
        kept = torch.tensor(going_on)[:, None]
        totals = torch.tensor([[value for value, _, _ in beams] for beams in alive])
        parents = torch.tensor([[parent for _, parent, _ in beams] for beams in alive])  # (rows, beams)
        tokens = torch.tensor([[token for _, _, token in beams] for beams in alive])
        decoder.select((kept * width + parents).flatten())
        where = [index.to(log_probs.device) for index in (kept, parents, tokens)]
        sums = sums[kept, parents] + log_probs[tuple(where)].cpu()
        ids = torch.cat([ids[kept, parents], tokens[..., None]], dim=-1)
        states = [
            _advanced(constraints[rows[i]], states[i * width + parent], token)
            for i, beams in zip(going_on, alive, strict=True)
            for _, parent, token in beams
        ]
        rows = [rows[i] for i in going_on]
        width = plan.beams
    return [_in_turn(groups) for groups in found]


_Beam = tuple[float, int, int]  # its total, the number of the output that it goes on from, its token


@dataclass(frozen=True)
class _Pick:
    """What one group does in one step: candidates that end, and beams that go on."""

    finished: list[_Beam]
    alive: list[_Beam]


class _Group:
    """Finished candidates of one group of beams of one source."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.done = False


def _pick(options: Sequence[_Beam], size: int, eos_id: int, last: bool) -> _Pick:
    """Of 2 x size options, best first: the first `size` end or go on; for each that ends another one goes on."""
    finished, alive = [], []
    others = (option for option in options[size:] if option[2] != eos_id)
    for option in options[:size]:
        if option[0] == -math.inf:
            alive.append(option)
        elif last or option[2] == eos_id:
            finished.append(option)
            alive.append(next(others, (-math.inf, option[1], option[2])))
        else:
            alive.append(option)
    alive += [(-math.inf, *options[0][1:])] * (size - len(alive))  # a vocabulary smaller than the beams
    return _Pick(finished, alive)


def _is_done(group: _Group, pick: _Pick, size: int, plan: Plan, length: int) -> bool:
    """Whether nothing better is to be expected behind `length` tokens.

    Without a length penalty that is certain: an output only loses by going on. With one, it is the rule of transformers
    (`early_stopping=False`): as many candidates are finished as there are beams, and the best output under way, if it ended
    here, would not be among them.
    """
    going_on = max(value for value, _, _ in pick.alive)
    if going_on == -math.inf or (size == 1 and group.candidates):  # one beam is greedy: its end is the end
        return True
    needed = 1 if plan.length_penalty == 0 and plan.num_hypotheses == 1 else size
    if len(group.candidates) < needed:
        return False
    ranks = sorted((candidate.rank for candidate in group.candidates), reverse=True)
    return ranks[needed - 1] >= going_on / length**plan.length_penalty


def _in_turn(groups: Sequence[_Group]) -> list[Candidate]:
    """The best of each group, the second best of each, and so on."""
    ranked = [sorted(group.candidates, key=lambda candidate: -candidate.rank) for group in groups]
    longest = max(map(len, ranked))
    return [candidates[i] for i in range(longest) for candidates in ranked if i < len(candidates)]


def _log_probs(logits: torch.Tensor, written: torch.Tensor, plan: Plan, eos_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of the model, and with the penalties: both (outputs, vocabulary). `written`: (outputs, length).

    An output is never empty. As in CTranslate2, penalties change the logits: the repetition penalty as in Keskar et al. 2019.
    """
    if written.shape[1] == 0:
        logits = logits.clone()
        logits[:, eos_id] = -torch.inf
    log_probs = logits.log_softmax(-1)
    if plan.repetition_penalty == 1 and not plan.no_repeat_ngram_size:
        return log_probs, log_probs
    logits = logits.clone()
    if plan.repetition_penalty != 1 and written.shape[1]:
        there = written.to(logits.device)
        known = logits.gather(1, there)
        known = torch.where(known < 0, known * plan.repetition_penalty, known / plan.repetition_penalty)
        logits.scatter_(1, there, known)
    for output, ids in enumerate(written.tolist() if plan.no_repeat_ngram_size else ()):
        logits[output, _repeating(ids, plan.no_repeat_ngram_size)] = -torch.inf
    return log_probs, logits.log_softmax(-1)


def _repeating(ids: list[int], n: int) -> list[int]:
    """The tokens that would end an n-gram that is in `ids` already."""
    last = ids[len(ids) - n + 1 :]
    return [ids[i + n - 1] for i in range(len(ids) - n + 1) if ids[i : i + n - 1] == last] if len(ids) >= n - 1 else []


def _without_banned(
    log_probs: torch.Tensor, constraints: Constraints, states: Sequence[tuple[State, ...]]
) -> torch.Tensor:  # (outputs, vocabulary)
    """The log-probabilities, minus infinity for what the constraints of each output forbid."""
    outputs: list[numpy.ndarray] = []
    tokens: list[numpy.ndarray] = []
    for output, (of_output, its_states) in enumerate(zip(constraints, states, strict=True)):
        for banned, state in zip(of_output, its_states, strict=True):
            for forbidden in (banned.always, banned.forbidden(state)):
                if len(forbidden):
                    tokens.append(forbidden)
                    outputs.append(numpy.full(len(forbidden), output))
    if not tokens:
        return log_probs
    log_probs = log_probs.clone()
    where = (torch.from_numpy(numpy.concatenate(outputs)), torch.from_numpy(numpy.concatenate(tokens)))
    log_probs[tuple(index.to(log_probs.device) for index in where)] = -torch.inf
    return log_probs


def _advanced(constraints: Sequence[BannedText], states: tuple[State, ...], token: int) -> tuple[State, ...]:
    return tuple(banned.advance(state, token) for banned, state in zip(constraints, states, strict=True))


def _sample(model: Model, sources: Sequence[Sequence[int]], plan: Plan, constraints: Constraints) -> list[list[Candidate]]:
    """Outputs drawn one token at a time, each by random numbers of its own."""
    found: list[list[Candidate]] = [[] for _ in sources]
    decoder = _Decoder(model, sources)
    outputs = [(row, plan.first + number) for row in range(len(sources)) for number in range(plan.samples)]
    random = torch.tensor([_random_numbers(plan, number, sources[row]) for row, number in outputs])  # (outputs, max_length)
    states = [tuple(banned.start for banned in constraints[row]) for row, _ in outputs]
    sums, totals = torch.zeros(len(outputs)), torch.zeros(len(outputs))
    ids = torch.full((len(outputs), 1), model.start_id)
    places = torch.tensor([row for row, _ in outputs])  # of each output among those that the decoder has
    for step in range(plan.max_length):
        if step == 0:
            logits = decoder.step(ids[:: plan.samples, -1])[places.to(model.model.device)]
            decoder.select(places)
        else:
            logits = decoder.step(ids[:, -1])
        log_probs, ranked = _log_probs(logits, ids[:, 1:], plan, model.eos_id)
        open_ = _without_banned(ranked, [constraints[row] for row, _ in outputs], states)
        tokens = _draw(open_, random[:, step].to(open_.device), plan)[:, None]  # (outputs, 1)
        sums = sums + log_probs.gather(1, tokens).squeeze(1).cpu()
        totals = totals + open_.gather(1, tokens).squeeze(1).cpu()  # minus infinity where nothing was open
        ids = torch.cat([ids, tokens.cpu()], dim=1)
        going_on = []
        for i, (row, _) in enumerate(outputs):
            if totals[i] == -math.inf:
                continue
            if ids[i, -1] == model.eos_id or step + 1 == plan.max_length:
                written = tuple(ids[i, 1:].tolist())
                found[row].append(Candidate(written, sums[i].item(), totals[i].item() / len(written) ** plan.length_penalty))
            else:
                going_on.append(i)
        if not going_on:
            break
        states = [_advanced(constraints[outputs[i][0]], states[i], int(ids[i, -1])) for i in going_on]
        if len(going_on) < len(outputs):
            kept = torch.tensor(going_on)
            decoder.select(kept)
            ids, sums, totals, random = ids[kept], sums[kept], totals[kept], random[kept]
            outputs = [outputs[i] for i in going_on]
    return found


def _random_numbers(plan: Plan, number: int, source: Sequence[int]) -> list[float]:
    """Numbers of [0, 1) that depend on the seed, the source and the number of the sample: not on the batch."""
    digest = hashlib.sha256(numpy.array(source, dtype="<i8").tobytes()).digest()
    words = numpy.frombuffer(digest, dtype="<u4").tolist()
    return numpy.random.default_rng([plan.seed, number, *words]).random(plan.max_length).tolist()


def _draw(log_probs: torch.Tensor, random: torch.Tensor, plan: Plan) -> torch.Tensor:
    """One token of each distribution: (outputs, vocabulary), (outputs,) -> (outputs,).

    Temperature first, then the `top_k` most likely, then as many of these as reach `top_p` (Holtzman et al. 2020).
    """
    count = min(plan.top_k or log_probs.shape[1], log_probs.shape[1])
    likely, tokens = log_probs.double().div(plan.temperature).softmax(-1).topk(count)  # (outputs, count), the likeliest first
    likely = likely.nan_to_num()  # where nothing is open
    likely = likely / likely.sum(-1, keepdim=True).clamp_min(1e-300)
    before = likely.cumsum(-1) - likely
    likely = torch.where(before < plan.top_p, likely, 0.0)
    reached = likely.cumsum(-1)
    chosen = (reached <= (random * reached[:, -1])[:, None]).sum(-1).clamp_max(count - 1)
    return tokens.gather(1, chosen[:, None]).squeeze(1)
