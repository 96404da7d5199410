"""Figures: what must be drawn, and what must not touch. How they look was looked at."""

import itertools

import pytest
from matplotlib.patches import Rectangle
from result_rows import frame_of, result_row

from l3c.bench.figures.labels import label_points
from l3c.bench.figures.rates import bpsp, pareto, speed, summarize
from l3c.bench.figures.style import new_figure, save
from l3c.bench.published import PublishedValue

PUBLISHED = [PublishedValue("1", "X", "v1", "PNG", "bpsp", 5.0, "bpsp", "unverified", "")]


def learned(**fields):
    return result_row(**{"key": "l3c", "method": "L3C", "cross_entropy_bits": 2000.0, **fields})


@pytest.fixture
def rows():
    methods = (
        (learned, {"num_bytes": 200, "decode_s": 0.5}),
        (result_row, {"num_bytes": 300, "decode_s": 0.01}),
        (result_row, {"num_bytes": 601, "decode_s": 1e-4, "key": "raw", "method": "Raw pixels"}),
    )
    rows = []
    for dataset, (make, fields) in itertools.product(("one", "two"), methods):
        for image, more in (("a", 0), ("b", 30)):
            size = fields["num_bytes"] + more
            rows.append(make(**{**fields, "dataset": dataset, "image": image, "num_bytes": size}))
    return frame_of(rows)


def test_methods_are_sorted_and_know_their_speed(rows):
    table = summarize(rows)
    one = table[table["dataset"] == "one"]
    assert one["key"].tolist() == ["l3c", "png", "raw"]
    assert one["learned"].tolist() == [True, False, False]
    assert one["bpsp"].iloc[0] == pytest.approx((1600 + 1840) / 2 / 600)
    assert one["encode"].iloc[0] == pytest.approx(0.5 / 400e-6)
    assert one["decode"].iloc[0] == pytest.approx(1.0 / 400e-6)


def test_a_method_that_failed_on_some_images_says_so(rows):
    some = rows[~((rows["key"] == "png") & (rows["image"] == "b"))]
    labels = set(summarize(some)["label"])
    assert labels == {"L3C", "Raw pixels", "PNG, 1 of 2 images"}


def test_pareto_front():
    assert pareto([(3, 1), (1, 3), (2, 2), (2, 3), (3, 3), (1, 3)]) == [(1, 3), (2, 2), (3, 1)]
    assert pareto([]) == []


def test_bpsp_has_a_panel_for_each_data_set(rows):
    figure = bpsp(rows, PUBLISHED, {"two": "X v1"})
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "one, 2 images",
        "two, 2 images",
    ]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [
        "L3C",
        "PNG",
        "Raw pixels",
    ]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[-1] == "published, unverified"
    right = [axes.get_title(loc="right") for axes in figure.axes]
    assert right == ["", "published: X v1"]
    bars, diamonds = figure.axes[1].patches, figure.axes[1].lines
    assert all(isinstance(bar, Rectangle) for bar in bars)
    assert [bar.get_width() for bar in bars] == sorted(rows.groupby("key")["bpsp"].mean())
    assert [line.get_xydata().tolist() for line in diamonds] == [[[5.0, 1.0]]]
    without = bpsp(rows, PUBLISHED)
    assert len(without.legends[0].get_texts()) == len(legend) - 1


def test_speed_leaves_the_control_out_and_says_so(rows):
    panels = speed(rows).axes
    assert len(panels) == 4  # two data sets
    assert "encoding time in seconds" in panels[0].get_xlabel()
    assert "decoding time in seconds" in panels[1].get_xlabel()
    assert panels[1].get_title(loc="right").startswith("not shown: Raw pixels (8.2")
    for axes in panels:
        assert axes.get_xscale() == "log"
        assert {text.get_text() for text in axes.texts} == {"L3C", "PNG"}
        assert axes.get_ylim() == panels[0].get_ylim()


def test_speed_says_threads_and_runs():
    rows = [learned(threads=4), result_row(threads=4)]
    rows.append(result_row(key="mine", method="Mine", threads=4))

    def legend(rows, *args):
        return [text.get_text() for text in speed(frame_of(rows), *args).legends[0].get_texts()]

    front = "best trade-offs (Pareto front)"
    both = ["learned, 4 threads", "classical, 1 thread", front]
    assert legend(rows[:2]) == both
    assert legend(rows[:2], 1) == [*both, "times: one run of each image, after a warm-up"]
    assert legend(rows[1:], 3) == [
        "classical, 1 or 4 threads",
        front,
        "times: median of 3 runs of each image, after a warm-up",
    ]


def test_speed_marks_times_with_the_start_of_a_program():
    axes = speed(frame_of([result_row(in_process=False)])).axes
    assert axes[0].texts[0].get_text() == "PNG ‡"
    assert axes[1].get_title(loc="right") == "‡ an external program"


@pytest.mark.parametrize("draw", [bpsp, speed])
def test_nothing_measured_is_said(draw):
    none = frame_of([result_row()])[:0]
    assert draw(none).texts[0].get_text() == "no method was measured"


def test_one_method_alone_can_be_drawn():
    assert speed(frame_of([result_row()])).axes[0].texts[0].get_text() == "PNG"


def test_labels_touch_neither_each_other_nor_points():
    figure = new_figure(7, 4)
    axes = figure.subplots()
    points = [(1.0, 1.0), (1.02, 1.01), (1.01, 1.04), (1.3, 1.05), (2.0, 2.0), (0.99, 1.02)]
    axes.set_xlim(0, 2)
    axes.set_ylim(0, 2)
    label_points(axes, points, [f"method {i}" for i in range(6)], ["k"] * 6)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    for x, y in axes.transData.transform(points):
        assert not any(box.contains(x, y) for box in boxes)


def test_labels_of_points_that_touch_get_a_line():
    figure = new_figure(7, 4)
    axes = figure.subplots()
    axes.set_xlim(0, 3)
    axes.set_ylim(0, 2)
    label_points(axes, [(1, 1), (1.01, 1), (2, 1)], ["a", "b", "c"], ["k"] * 3)
    lines = [text.xy for text in axes.texts if not text.get_text()]
    assert lines == [(1, 1), (1.01, 1)]


def test_the_same_rows_give_the_same_bytes(rows, tmp_path):
    rows = rows[rows["dataset"] == "one"]
    for name in ("first", "second"):
        save(speed(rows), tmp_path / f"{name}.svg", tmp_path / f"{name}.png", "stamp")
    assert "stamp" in (tmp_path / "first.svg").read_text()
    assert b"Description\0stamp" in (tmp_path / "first.png").read_bytes()
    for kind in ("svg", "png"):
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("first", "second"))
        assert first == second
