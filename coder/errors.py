"""What can be wrong with bytes that claim to be ours."""


class CoderError(ValueError):
    """Base of all errors of this package."""


class CorruptStreamError(CoderError):
    """The bytes are truncated, altered or not ours; the message says where that was noticed."""


class UnsupportedFormatError(CoderError):
    """The bytes are a container that this version cannot read; the message says what can."""


class ModelMismatchError(CoderError):
    """The container was written with another model than the one given."""
