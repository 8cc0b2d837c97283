"""The one exception that a user is meant to see."""


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: what, where, what to do.

    Scripts print it to stderr and exit with code 2; anything else that is raised is our defect.
    """


def first_line(error: BaseException) -> str:
    """What a library's error says in its first line, 200 characters at most; its name where it says nothing.

    A line that ends in a colon goes on with the next one.
    """
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # of an error that is itself broken
        lines = []
    said = lines[0] if lines else type(error).__name__
    if said.endswith(":") and len(lines) > 1:
        said = f"{said} {lines[1].strip()}"
    return said[:200]
