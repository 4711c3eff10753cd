"""The command as it was typed, for headers and reports."""


def command_line(but: str = "") -> str:
    """The present command, without the word `but`, quoted so that a shell would read it back."""
    import shlex
    import sys

    return shlex.join(["lexome", *(word for word in sys.argv[1:] if word != but)])
