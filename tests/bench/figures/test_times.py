"""Figures of timings: what must be drawn. How they look was looked at."""

import pytest
from result_rows import batch_row, frame_of, timing_row

from l3c.bench.figures.style import CLASSICAL, LEARNED
from l3c.bench.figures.times import ALL, batches, mean_times, published_samples, stages
from l3c.bench.published import PublishedValue


@pytest.fixture
def timing():
    rows = []
    for threads, crop, run, total in (
        (1, "a", 0, 4),
        (1, "a", 1, 6),
        (1, "b", 0, 9),
        (2, "a", 0, 2),
    ):
        for way in ("encode", "decode"):
            same = {"threads": threads, "image": crop, "run": run, "direction": way}
            rows.append(timing_row(**same, seconds=total))
            rows.append(timing_row(**same, stage="network", scale="x", seconds=total / 2))
            rows.append(timing_row(**same, stage="container", seconds=total / 4))
    return [*rows, timing_row(key="png", method="PNG", threads=1)]


def test_times_are_means_over_crops_of_medians(timing):
    times = mean_times(frame_of(timing))
    assert times.index.unique("method").tolist() == ["L3C"]
    assert times.index.unique("computer").tolist() == ["1 thread", "2 threads"]
    one = times.sort_index()["L3C", "1 thread", "decode"]
    assert one.at[ALL, "total"] == pytest.approx((5 + 9) / 2)
    assert one.at["x", "network"] == pytest.approx(3.5)
    assert one.at[ALL, "container"] == pytest.approx(1.75)
    assert one.at[ALL, "rest"] == pytest.approx(1.75)


def test_stages_have_a_panel_for_each_number_of_threads(timing):
    figure = stages(frame_of(timing))
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["L3C, 1 thread", "L3C, 2 threads"]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[0] == "encode, 7.00 s in all"
    assert "3.50 s" in texts
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["network", "container", "between stages"]
    assert "512x512 pixels" in figure.get_supxlabel()
    first, second = (axes for axes in figure.axes if axes.get_visible())
    assert first.get_xlim() == second.get_xlim()


def test_bars_side_by_side_are_of_one_scale(timing):
    fewer = [
        timing_row(
            key="rgb", method="RGB", direction=way, stage=stage, scale=scale, seconds=seconds
        )
        for way in ("encode", "decode")
        for stage, scale, seconds in (("total", "", 4), ("network", "x", 2), ("network", "z1", 1))
    ]
    figure = stages(frame_of([*timing, *fewer]))
    l3c, rgb = (axes for axes in figure.axes if axes.get_title(loc="left").endswith("2 threads"))
    ticks = [tick.get_text() for tick in l3c.get_yticklabels()]
    assert ticks == ["$x$", "$z^{(1)}$", "all scales"] * 2
    assert len(l3c.texts) == 2 * (1 + 2)  # a head, and beside each bar its time; none at z1
    assert len(rgb.texts) == 2 * (1 + 3)
    assert l3c.get_ylim() == rgb.get_ylim()


def test_nothing_learned_is_said():
    drawn = stages(frame_of([timing_row(key="png", method="PNG")]))
    assert drawn.texts[0].get_text() == "no learned method was timed"


@pytest.fixture
def measured():
    return [
        *(
            batch_row(batch=n, run=run, seconds=n * s)
            for n in (1, 30)
            for run, s in ((0, 2), (1, 4))
        ),
        *(batch_row(operation="encode", batch=n, seconds=n) for n in (1, 30)),
        batch_row(side=320),
    ]


def value(quantity, seconds, confidence="primary", table="A3"):
    return PublishedValue(table, "X", "v2", "L3C", quantity, seconds, "s", confidence, "")


def test_batches_stand_beside_published_values(measured):
    values = [
        value("sample_s bs30", 1e-3),
        value("bpsp", 4.0),
        value("sample_s bs30", 1, table="2"),
    ]
    published = published_samples(values)
    assert {size: found.value for size, found in published.items()} == {30: 1e-3}
    figure = batches(frame_of(measured), values)
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.lines[0].get_ydata().tolist() == [1e-3]
    drawn = {line.get_color(): [] for line in axes.lines}
    for line in axes.lines:
        if line.get_linestyle() == "-":
            drawn[line.get_color()].append(line.get_ydata().tolist())
    sampled, encoded = drawn[LEARNED], drawn[CLASSICAL]
    assert (sampled, encoded) == ([[3, 3], [0.5]], [[1, 1]])
    spread = axes.collections[0].get_segments()  # of the two runs at each of two batch sizes
    assert [segment[:, 1].tolist() for segment in spread] == [[2.5, 3.5]] * 2
    assert "one image of 320x320 pixels" in [text.get_text() for text in axes.texts]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[-1] == "sampling, published (Table A3)"
    unverified = [value("sample_s bs30", 1e-3, "unverified")]
    text = batches(frame_of(measured), unverified).legends[0].get_texts()[-1].get_text()
    assert text.endswith("unverified")


def test_no_batches_are_said():
    drawn = batches(frame_of([batch_row()])[:0])
    assert drawn.texts[0].get_text() == "no model was timed"
