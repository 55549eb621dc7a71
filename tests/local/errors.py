"""What stops a run, said in one sentence."""


class LocalError(Exception):
    """Something the person at the terminal can mend; its text is all they need to read."""
