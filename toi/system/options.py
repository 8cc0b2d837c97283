"""What classes of options share: a script's options are of several classes, one for each concern."""


class Concern:
    """Options of one concern, a dataclass. Each class adds what is wrong with its own to what `super().problems()` says."""

    def problems(self) -> list[str]:
        """What is wrong with these options."""
        return []


def at_least(options: object, least: int, *names: str) -> list[str]:
    """A problem for each named option that is given and less than `least`."""
    values = {name: getattr(options, name) for name in names}
    return [f"--{name} must be at least {least}, not {v}" for name, v in values.items() if v is not None and not v >= least]


def at_most(options: object, most: int, *names: str) -> list[str]:
    """A problem for each named option that is given and more than `most`."""
    values = {name: getattr(options, name) for name in names}
    return [f"--{name} must be at most {most:,}, not {v}" for name, v in values.items() if v is not None and v > most]
