"""The command as it was typed, for headers and reports."""


def command_line() -> str:
    """The present command, quoted so that a shell would read it back."""
    import shlex
    import sys

    return shlex.join(["lexome", *sys.argv[1:]])
