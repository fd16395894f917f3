"""What can go wrong on the machine rather than in the benchmark."""


class Failure(Exception):
    """Something the caller can put right, or a server that did not answer as it should; the text says what."""


class Unavailable(Failure):
    """A peer that cannot be had here; the report names it with this reason."""
