"""What the checks of pairs are worth, where it is known which pairs are right: how many each drops, how many of them wrong."""

from collections.abc import Sequence
from typing import NamedTuple


class CheckYield(NamedTuple):
    """A check: how many pairs it drops, how many of them are wrong, and the share of right ones among those that it lets through.

    `kept_precision` is nan where it lets none through.
    """

    check: str
    dropped: int
    dropped_wrong: int
    kept_precision: float


def check_yields(dropped: Sequence[Sequence[str]], right: Sequence[bool]) -> list[CheckYield]:
    """The yield of each check by itself, of no check at all (first) and of all together (last).

    `dropped` has for each pair the checks that it did not pass, `right` whether it is right.
    """
    names = sorted({name for checks in dropped for name in checks})
    passes = {"none": [False] * len(right), **{name: [name in checks for checks in dropped] for name in names}}
    passes["all"] = [bool(checks) for checks in dropped]
    return [_yield_of(name, drops, right) for name, drops in passes.items()]


def _yield_of(name: str, drops: Sequence[bool], right: Sequence[bool]) -> CheckYield:
    kept = [is_right for is_right, dropped in zip(right, drops, strict=True) if not dropped]
    wrong = sum(dropped and not is_right for is_right, dropped in zip(right, drops, strict=True))
    return CheckYield(name, sum(drops), wrong, sum(kept) / len(kept) if kept else float("nan"))


def yields_table(yields: Sequence[CheckYield]) -> str:
    """A line for each check."""
    lines = [f"{'check':<20}{'dropped':>10}{'of them wrong':>16}{'right of the kept':>20}"]
    for one in yields:
        share = f"{one.dropped_wrong / one.dropped:.1%}" if one.dropped else ""
        lines.append(f"{one.check:<20}{one.dropped:>10,}{share:>16}{one.kept_precision:>20.1%}")
    return "\n".join(lines)
