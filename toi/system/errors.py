"""The one exception that a user is meant to see."""


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: what, where, what to do.

    Scripts print it to stderr and exit with code 2; anything else that is raised is our defect.
    """


def first_line(error: BaseException) -> str:
    """What a library's error says in its first line, 200 characters at most; its name where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
