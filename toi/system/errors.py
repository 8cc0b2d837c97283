"""The one exception that a user is meant to see."""


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: what, where, what to do.

    Scripts print it to stderr and exit with code 2; anything else that is raised is our defect.
    """


def first_line(error: BaseException) -> str:
    """The first line of what an error says, at most 200 characters; its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
