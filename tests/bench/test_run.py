"""What a run knows of its methods."""

from result_rows import results

from l3c.bench.run import Run

SCALES = "model.scales: 4 instead of 3"
FROZEN = "train.lr_factors: {} instead of {}"


def test_models_that_differ_alike_are_named_together_and_training_is_left_to_the_cards():
    cards = {
        "l3c": [SCALES, "train.steps: 8 instead of 700000", FROZEN],
        "rgb": [SCALES],
        "rgb_shared": [SCALES],
        "paper": ["train.steps: 8 instead of 700000"],
    }
    cards = {k: {"name": k.upper(), "deviations": d} for k, d in cards.items()}
    other = "family: mine.py 0123 instead of l3c"
    cards["mine"] = {"name": "Mine", "family": "mine", "deviations": [other, SCALES]}
    run = Run(results([]), [], cards=cards)
    assert run.deviations([*cards, "png"]) == {
        "L3C here is not the paper's network": f"{SCALES}; {FROZEN}",
        "RGB and RGB_SHARED here are not the paper's networks": SCALES,
    }
    papers = [key for key in (*cards, "png") if run.is_papers(key)]
    assert papers == ["paper", "png"]
    called = Run(results([]), [], cards=cards, published_as={"mine": "L3C"})
    assert [*called.deviations(["mine"]).values()] == [f"{other}; {SCALES}"]
