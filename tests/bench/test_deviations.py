"""In what measured networks are not the paper's."""

from l3c.bench.deviations import network_deviations

SCALES = "model.scales: 4 instead of 3"
FROZEN = "train.lr_factors: {} instead of {}"


def test_models_that_differ_alike_are_named_together_and_training_is_left_to_the_cards():
    cards = {
        "l3c": {"deviations": [SCALES, "train.steps: 8 instead of 700000", FROZEN]},
        "rgb": {"deviations": [SCALES]},
        "rgb_shared": {"deviations": [SCALES]},
        "paper": {"deviations": []},
        "older": {},
    }
    labels = {key: key.upper() for key in cards}
    assert network_deviations(labels, cards) == {
        "L3C here is not the paper's network": f"{SCALES}; {FROZEN}",
        "RGB and RGB_SHARED here are not the paper's networks": SCALES,
    }
    assert network_deviations({}, cards) == {}
