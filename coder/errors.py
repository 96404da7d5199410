"""What can be wrong with coded bytes, and with the use of a coder."""


class CoderError(ValueError):
    """Base of all errors about coded bytes; those of files are in `l3c.fileformat.errors`."""


class CorruptStreamError(CoderError):
    """The bytes are truncated, altered or not ours; the message says where that was noticed."""


class StreamEndedError(RuntimeError):
    """A range coder was used after its stream had ended, by `finish` or by an error."""
