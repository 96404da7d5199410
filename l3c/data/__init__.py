"""Image sets: reading files, preparing photographs, and the manifest of what was kept."""


class DatasetError(ValueError):
    """A data set that cannot be used; one line with its name, the reason and what to do."""
