"""The one exception that a user is meant to see."""


class InputError(ValueError):
    """What the user gave cannot be used. The message is one line: what, where, what to do.

    Scripts print it to stderr and exit with code 2; anything else that is raised is our defect.
    """
