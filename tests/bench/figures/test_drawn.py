"""What figures of rows show: all texts and data, beside golden ones; and the files they become."""

import pandas as pd
import pytest
from figure_text import described
from golden import check_text
from result_rows import batch_row, frame_of, result_row, row, timing_row
from table_files import published

from l3c.bench.figures.models import bits, training
from l3c.bench.figures.rates import bpsp, speed
from l3c.bench.figures.style import save
from l3c.bench.figures.times import batches, phases
from l3c.bench.schema import ChannelBits

L3C = {"key": "l3c", "method": "L3C", "cross_entropy_bits": 2000.0}
RAW = {"key": "raw", "method": "Raw pixels", "num_bytes": 600, "decode_s": 1e-4}
RATES = [  # three methods on two images of each of two data sets
    result_row(**about | {"dataset": dataset, "image": image, "num_bytes": size + more})
    for dataset in ("one", "two")
    for about, size in ((L3C | {"decode_s": 0.5}, 200), ({"decode_s": 0.01}, 300), (RAW, 601))
    for image, more in (("a", 0), ("b", 30))
]
READ = {"dataset": "X", "edition": "v1", "value": "5.0"}
PUBLISHED = published(READ, READ | {"method": "PNG", "confidence": "unverified"})
OTHERS = [  # on a machine that was not quiet
    result_row(**L3C, threads=4, other_load=0.6),
    result_row(threads=4),
    result_row(key="mine", method="Mine", threads=4, in_process=False),
]
RUNS = [{"threads": n, "image": i, "run": r} for n, i, r in ((1, "a", 0), (1, "a", 1), (1, "b", 0))]
TIMES = [timing_row(key="png", method="PNG", threads=1)]  # of no phases
TIMES += [
    timing_row(direction=way, phase=phase, scale=scale, seconds=total * share, **about)
    for about, total, part in (
        *((each, total, ("container", "")) for each, total in zip(RUNS, (4, 6, 9), strict=True)),
        ({"threads": 2}, 2, ("container", "")),
        ({"key": "rgb", "method": "RGB", "other_load": 0.6}, 4, ("network", "z1")),
    )
    for way in ("encode", "decode")
    for (phase, scale), share in ((("total", ""), 1), (("network", "x"), 0.5), (part, 0.25))
]
SAMPLED = [(1, 0, 2), (1, 1, 4), (30, 0, 60), (30, 1, 120)]  # 3 s an image
BATCHES = [batch_row(batch=n, run=run, seconds=s) for n, run, s in SAMPLED]
BATCHES += [batch_row(operation="encode", batch=n, seconds=n) for n in (1, 30)]
BATCHES += [batch_row(side=320)]
SAMPLE = {"table": "A3", "quantity": "sample_s bs30", "value": "1e-3"}
CURVE = pd.DataFrame({"step": range(25, 150, 25), "train_bpsp": [7.8, 7.6, 7.4, 7.2, 7.0]})
CURVES = {
    "one": CURVE[:3].assign(validation_bpsp=float("nan")),
    "two": CURVE.assign(validation_bpsp=[None, 8.6, None, 8.2, None]),
}
VARIANTS = {"one": "l3c", "two": "rgb_shared"}
CHANNELS = [("l3c", "x", "RGB", 100.0), ("l3c", "z1", "12", 50.0), ("rgb", "x", "RGB", 140.0)]
BITS = [
    row(ChannelBits, model=model, image=image, scale=scale, channel=channel, bits=cost)
    for model, scale, channels, cost in CHANNELS
    for channel in channels
    for image in "ab"
]
FIGURES = {
    "bpsp": lambda: bpsp(frame_of(RATES), PUBLISHED, {"two": "X v1"}),
    "speed": lambda: speed(frame_of(RATES), 3),
    "speed_of_others": lambda: speed(frame_of(OTHERS), 1),
    "phases": lambda: phases(frame_of(TIMES)),
    "batches": lambda: batches(frame_of(BATCHES), published(SAMPLE, SAMPLE | {"table": "2"})),
    "training": lambda: training(CURVES, {key: key.title() for key in CURVES}, VARIANTS),
    "bits": lambda: bits(frame_of(BITS), {"l3c": "L3C"}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_show_what_they_did(name):
    check_text(f"figures/{name}.txt", described(FIGURES[name]()))


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        save(speed(frame_of(OTHERS)), tmp_path / f"{name}.svg", tmp_path / f"{name}.png", "stamp")
    assert "stamp" in (tmp_path / "first.svg").read_text()
    assert b"Description\0stamp" in (tmp_path / "first.png").read_bytes()
    for kind in ("svg", "png"):
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("first", "second"))
        assert first == second
