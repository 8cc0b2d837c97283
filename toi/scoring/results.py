"""`results.json`: every figure with its interval and signature, and what they depend on."""

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toi.scoring.chosen import choices_of_predictions, confusion
from toi.scoring.measures import Score
from toi.scoring.options import ScoringOptions
from toi.scoring.scored import TYPES, Scored
from toi.system.files import write_json
from toi.system.versions import versions


def write_results(output_dir: str | Path, scored: Mapping[str, Scored], options: ScoringOptions, about: Mapping[str, Any]) -> None:
    """Write `results.json`: every figure with its interval and signature, and what they depend on."""
    results = {
        **about,
        "scoring": {"profile": options.profile, "n_resamples": options.n_resamples, "bootstrap_seed": options.bootstrap_seed},
        "splits": {split: _results(of_split) for split, of_split in scored.items()},
        "versions": scoring_versions(options),
    }
    write_json(Path(output_dir) / "results.json", results)


def write_pair_results(output_dir: str | Path, scores: Mapping[str, Score], about: Mapping[str, Any]) -> None:
    """Write `pairs_results.json`: the same of pairs of questions and answers."""
    write_json(Path(output_dir) / "pairs_results.json", {**about, **_figures(scores), "versions": versions()})


def _results(scored: Scored) -> dict[str, Any]:
    result: dict[str, Any] = {"rows": len(scored.predictions), **_figures(scored.scores)}
    if len(scored.by_tokenizer) > 1:
        result["tokenizers"] = {name: _figures(scores) for name, scores in scored.by_tokenizer.items()}
    types = {kind: groups for kind in TYPES if (groups := scored.by_type(kind))}
    if types:
        result["by_type"] = types
    if choices_of_predictions(scored.predictions):
        result["confusion"] = confusion(scored.predictions)
        result["by_group"] = scored.by_group()
    if scored.trip is not None:
        result["rows_without_question"] = scored.trip.unasked
    if scored.comparison is not None:
        c = scored.comparison
        result["comparison"] = {
            "file": c.file,
            "differences": {name: {**vars(d)} for name, d in c.differences.items()},
            "method": "p: approximate randomization; low, high: paired bootstrap, 95%",
            "changes": {"metric": c.metric, "rows": [vars(change) for change in c.changes]},
        }
    return result


def _figures(scores: Mapping[str, Score]) -> dict[str, Any]:
    return {
        "metrics": {name: score.value for name, score in scores.items()},
        "intervals": {name: [score.low, score.high] for name, score in scores.items() if score.low is not None},
        "signatures": {name: score.signature for name, score in scores.items()},
    }


def scoring_versions(options: ScoringOptions) -> dict[str, str]:
    """The versions that a score may depend on."""
    packages = ["fugashi", "ipadic", "numpy"]
    if options.profile == "lmqg" or any(name.startswith("sudachi") for name in options.tokenizers):
        packages += ["sudachipy", "sudachidict_core"]
    if options.hallucination_tokenizer == "ginza":
        packages += ["ginza", "spacy"]
    return {**versions(), **{package: importlib.metadata.version(package) for package in packages}}
