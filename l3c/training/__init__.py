"""Training: crops, optimisers, checkpoints and the loop."""


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message names the reason and what to do."""
