"""Beam search, and diverse beam search (Vijayakumar et al. 2016, with Hamming diversity)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy

from toi.decoding.arrays import Array, Arrays
from toi.decoding.plan import Candidate, Constraints, SearchPlan
from toi.decoding.scores import Endings, advanced, penalized, without_banned
from toi.models.family import Steps

_Option = tuple[float, int, int]  # a total, the number of the output that it goes on from, a token


@dataclass
class _Beams:
    """The outputs under way, `width` side by side for each source that is still searched."""

    sources: list[int]
    ids: numpy.ndarray  # (sources, width, length)
    totals: numpy.ndarray  # (sources, width): log-probabilities with penalties, by which beams are ranked
    sums: numpy.ndarray  # (sources, width): and those of the model
    endings: list[Endings]  # of each output, source by source

    @property
    def width(self) -> int:
        return self.ids.shape[1]

    @property
    def outputs(self) -> list[int]:
        """The source of each output."""
        return [source for source in self.sources for _ in range(self.width)]


@dataclass(frozen=True)
class _Pick:
    """What one group of one source does in one step: options that end, and options that go on."""

    finished: list[_Option]
    alive: list[_Option]


class _Scores(NamedTuple):
    """What a model says of the next tokens: logits, with their penalties and constraints `ranked`, and what divides each output's.

    (sources, width, vocabulary) and (sources, width).
    """

    logits: Array
    sums: numpy.ndarray  # logarithms, without penalties
    ranked: Array
    ranked_sums: numpy.ndarray


@dataclass
class _Group:
    """Finished candidates of one group of beams of one source."""

    candidates: list[Candidate] = field(default_factory=list)
    done: bool = False


class BeamSearch:
    """A search under way, for one batch of sources. `arrays` are of the library that the logits of the steps are of."""

    def __init__(
        self, steps: Steps, end_ids: Sequence[int], count: int, plan: SearchPlan, constraints: Constraints, arrays: Arrays
    ):
        self._arrays, self._steps, self._end_ids = arrays, steps, frozenset(end_ids)
        self._plan, self._constraints = plan, constraints
        self._size = plan.beams // plan.groups
        self._groups = [[_Group() for _ in range(plan.groups)] for _ in range(count)]
        self._beams = _Beams(
            sources=list(range(count)), ids=numpy.zeros((count, 1, 0), dtype=numpy.int64), totals=_singles([[0.0]] * count),
            sums=_singles([[0.0]] * count), endings=[tuple(banned.start for banned in of_source) for of_source in constraints],
        )  # fmt: skip

    def candidates(self) -> list[list[Candidate]]:
        """The candidates of each source, those of its groups in turn."""
        logits = self._steps.start()
        for length in range(1, self._plan.max_length + 1):
            scores = self._scores(logits, last=length == self._plan.max_length)
            picked = self._pick(scores, length)
            going_on = [i for i, source in enumerate(self._beams.sources) if not all(g.done for g in self._groups[source])]
            if not going_on:
                break
            self._go_on(going_on, [[option for pick in picked[i] for option in pick.alive] for i in going_on], scores)
            logits = self._steps.step(self._beams.ids[:, :, -1].ravel())
        return [_in_turn(groups) for groups in self._groups]

    def _scores(self, logits: Array, last: bool) -> _Scores:
        beams, arrays = self._beams, self._arrays
        end_ids, constraints = list(self._end_ids), [self._constraints[source] for source in beams.outputs]
        logits, ranked = penalized(arrays, logits, beams.ids.reshape(len(beams.endings), -1), self._plan, end_ids)
        sums = arrays.log_sums(logits)
        ranked_sums = sums if ranked is logits else arrays.log_sums(ranked)
        ranked = without_banned(arrays, ranked, constraints, beams.endings, end_ids, last)
        shape = (len(beams.sources), beams.width)
        return _Scores(logits.reshape((*shape, -1)), sums.reshape(shape), ranked.reshape((*shape, -1)), ranked_sums.reshape(shape))

    def _pick(self, scores: _Scores, length: int) -> list[list[_Pick]]:
        """What each group of each source does; candidates that end are noted. One pick for each group: [source][group]."""
        plan, size, beams = self._plan, self._size, self._beams
        picked: list[list[_Pick]] = [[] for _ in beams.sources]
        # How often earlier groups chose a token now: (sources, 1, vocabulary).
        used: Array = self._arrays.zeros_like(scores.ranked[:, :1]) if plan.groups > 1 else None
        for group in range(plan.groups):
            first, behind = (0, 1) if length == 1 else (group * size, (group + 1) * size)
            part = scores.ranked[:, first:behind]
            if group:
                part = part - plan.diversity_penalty * used
            added = beams.totals[:, first:behind] - scores.ranked_sums[:, first:behind]
            for i, columns in enumerate(self._best(part, added, first)):
                pick = pick_options(list(zip(*columns, strict=True)), size, self._end_ids, length == plan.max_length)
                picked[i].append(pick)
                place = self._groups[beams.sources[i]][group]
                if place.done:
                    continue
                for value, parent, token in pick.finished:
                    written = (*beams.ids[i, parent].tolist(), token)
                    log_prob = beams.sums[i, parent].item() + scores.logits[i, parent, token].item() - scores.sums[i, parent].item()
                    place.candidates.append(Candidate(written, log_prob, value / len(written) ** plan.length_penalty))
                place.done = self._is_done(place, pick, length)
                for value, _, token in pick.alive if used is not None else ():
                    used[i, 0, token] += value > -math.inf
        return picked

    def _best(self, part: Array, added: numpy.ndarray, first: int) -> Iterator[tuple[list[float], list[int], list[int]]]:
        """The best options of each source, the best first: totals, outputs that they go on from, tokens.

        `part`: (sources, outputs, vocabulary), `added` to each output: (sources, outputs), `first` is the number of the first.
        """
        sources, width, vocabulary = part.shape
        wanted = (1 + len(self._end_ids)) * self._size  # for each option that ends another one may go on
        count = min(wanted, vocabulary)
        values, tokens = self._arrays.top(part.reshape((-1, vocabulary)), count)  # of each output
        values = (values.reshape(sources, width, count) + added[..., None]).reshape(sources, -1)
        order = numpy.argsort(-values, axis=1, kind="stable")[:, :wanted]
        parents, tokens = order // count + first, numpy.take_along_axis(tokens.reshape(sources, -1), order, 1)
        values = numpy.take_along_axis(values, order, 1)
        return zip(values.tolist(), parents.tolist(), tokens.tolist(), strict=True)

    def _is_done(self, group: _Group, pick: _Pick, length: int) -> bool:
        """Whether nothing better is to be expected behind `length` tokens.

        Without a length penalty that is certain: an output only loses by going on. With one, it is the rule of transformers
        (`early_stopping=False`): as many candidates are finished as there are beams, and the best output under way, if it ended
        here, would not be among them.
        """
        plan, best = self._plan, max(value for value, _, _ in pick.alive)
        if length == plan.max_length or best == -math.inf or (self._size == 1 and group.candidates):  # one beam: its end is the end
            return True
        needed = 1 if plan.length_penalty == 0 and plan.num_hypotheses == 1 else self._size
        if len(group.candidates) < needed:
            return False
        ranks = sorted((candidate.rank for candidate in group.candidates), reverse=True)
        return ranks[needed - 1] >= best / length**plan.length_penalty

    def _go_on(self, going_on: list[int], alive: list[list[_Option]], scores: _Scores) -> None:
        """Let the beams be those options, for the sources (of the beams) that go on."""
        beams, sources = self._beams, [self._beams.sources[i] for i in going_on]
        kept = numpy.array(going_on)[:, None]
        parents = numpy.array([[parent for _, parent, _ in options] for options in alive])  # (sources, beams)
        tokens = numpy.array([[token for _, _, token in options] for options in alive])
        self._steps.select((kept * beams.width + parents).ravel())
        chosen = scores.logits[tuple(self._arrays.placed(index, scores.logits) for index in (kept, parents, tokens))]
        endings = [
            advanced(self._constraints[source], beams.endings[i * beams.width + parent], token)
            for i, source, options in zip(going_on, sources, alive, strict=True)
            for _, parent, token in options
        ]
        self._beams = _Beams(
            sources=sources, ids=numpy.concatenate([beams.ids[kept, parents], tokens[..., None]], axis=-1),
            totals=_singles([[value for value, _, _ in options] for options in alive]),
            sums=beams.sums[kept, parents] + (self._arrays.read(chosen) - scores.sums[kept, parents]), endings=endings,
        )  # fmt: skip


def _singles(numbers: list[list[float]]) -> numpy.ndarray:
    """In single precision, as the models compute."""
    return numpy.array(numbers, dtype=numpy.float32)


def pick_options(options: Sequence[_Option], size: int, end_ids: frozenset[int], last: bool) -> _Pick:
    """Of the options, best first: the first `size` end or go on; for each that ends another one goes on."""
    finished, alive = [], []
    others = (option for option in options[size:] if option[2] not in end_ids)
    for option in options[:size]:
        if option[0] == -math.inf:
            alive.append(option)
        elif last or option[2] in end_ids:
            finished.append(option)
            alive.append(next(others, (-math.inf, option[1], option[2])))
        else:
            alive.append(option)
    alive += [(-math.inf, *options[0][1:])] * (size - len(alive))  # a vocabulary smaller than the beams
    return _Pick(finished, alive)


def _in_turn(groups: Sequence[_Group]) -> list[Candidate]:
    """The best of each group, the second best of each, and so on."""
    ranked = [sorted(group.candidates, key=lambda candidate: -candidate.rank) for group in groups]
    longest = max(map(len, ranked))
    return [candidates[i] for i in range(longest) for candidates in ranked if i < len(candidates)]
