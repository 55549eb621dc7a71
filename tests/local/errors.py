"""Errors that end a run."""


class LocalError(Exception):
    """An error that the user can fix. Its message is one sentence and says how."""
