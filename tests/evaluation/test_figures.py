"""Figures: what must be drawn, and what must not touch. How they look was looked at."""

import itertools

import pytest

from l3c.evaluation.figures import bars_of, draw_bpsp, draw_speed, pareto
from l3c.evaluation.labels import place_labels
from l3c.evaluation.published import PublishedValue
from l3c.evaluation.style import new_figure, save

PUBLISHED = [PublishedValue("1", "X", "v1", "PNG", "bpsp", 5.0, "bpsp", "recalled", "")]


@pytest.fixture
def rows(make_row):
    methods = (
        ("l3c", "L3C", 200, 0.5),
        ("png", "PNG", 300, 0.01),
        ("raw", "Raw pixels", 601, 1e-4),
    )
    return [
        make_row(
            dataset=dataset, key=key, method=name, image=image, num_bytes=size + more, decode_s=s
        )
        for dataset in ("one", "two")
        for key, name, size, s in methods
        for image, more in (("a", 0), ("b", 30))
    ]


def test_bars_are_sorted_and_know_their_speed(rows):
    bars = bars_of(rows, ["l3c"], "one")
    assert [(bar.key, bar.learned) for bar in bars] == [
        ("l3c", True),
        ("png", False),
        ("raw", False),
    ]
    assert bars[0].mean == pytest.approx((1600 + 1840) / 2 / 600)
    assert bars[0].encode_s_per_mp == pytest.approx(0.5 / 400e-6)
    assert bars[0].decode_s_per_mp == pytest.approx(1.0 / 400e-6)


def test_pareto_front():
    assert pareto([(3, 1), (1, 3), (2, 2), (2, 3), (3, 3), (1, 3)]) == [(1, 3), (2, 2), (3, 1)]
    assert pareto([]) == []


def test_bpsp_has_a_panel_for_each_data_set(rows):
    figure = draw_bpsp(rows, ["l3c"], PUBLISHED, {"two": "X v1"}, {})
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
    without = draw_bpsp(rows, ["l3c"], PUBLISHED, {}, {})
    assert len(without.legends[0].get_texts()) == len(legend) - 1


def test_speed_leaves_the_control_out_and_says_so(rows):
    panels = draw_speed(rows, ["l3c"]).axes
    assert len(panels) == 4  # two data sets
    assert "encoding time in seconds" in panels[0].get_xlabel()
    assert "decoding time in seconds" in panels[1].get_xlabel()
    assert panels[1].get_title(loc="right").startswith("not shown: Raw pixels (8.2")
    for axes in panels:
        assert axes.get_xscale() == "log"
        assert {text.get_text() for text in axes.texts} == {"L3C", "PNG"}
        assert axes.get_ylim() == panels[0].get_ylim()


def test_speed_says_threads_and_runs(make_row):
    rows = [
        make_row(key="l3c", method="L3C", threads=4),
        make_row(key="png", method="PNG", threads=4),
        make_row(key="mine", method="Mine", threads=4),
    ]

    def legend(*args):
        return [text.get_text() for text in draw_speed(*args).legends[0].get_texts()]

    front = "best trade-offs (Pareto front)"
    both = ["learned, 4 threads", "classical, 1 thread", front]
    assert legend(rows[:2], ["l3c"]) == both
    one = "times: one run of each image, after a warm-up"
    assert legend(rows[:2], ["l3c"], 1) == [*both, one]
    assert legend(rows[1:], [], 3) == [
        "classical, 1 or 4 threads",
        front,
        "times: median of 3 runs of each image, after a warm-up",
    ]


def test_speed_marks_times_with_the_start_of_a_program(make_row):
    axes = draw_speed([make_row(in_process=False)], []).axes
    assert axes[0].texts[0].get_text() == "PNG ‡"
    assert axes[1].get_title(loc="right") == "‡ an external program"


@pytest.mark.parametrize(
    "draw", [lambda: draw_bpsp([], [], [], {}, {}), lambda: draw_speed([], [])]
)
def test_nothing_measured_is_said(draw):
    assert draw().axes[0].texts[0].get_text() == "no method was measured"


def test_one_method_alone_can_be_drawn(make_row):
    assert draw_speed([make_row()], []).axes[0].texts[0].get_text() == "PNG"


def test_labels_touch_neither_each_other_nor_points():
    figure = new_figure(7, 4)
    axes = figure.subplots()
    points = [(1.0, 1.0), (1.02, 1.01), (1.01, 1.04), (1.3, 1.05), (2.0, 2.0), (0.99, 1.02)]
    axes.set_xlim(0, 2)
    axes.set_ylim(0, 2)
    labels = place_labels(figure, axes, points, [f"method {i}" for i in range(6)], ["k"] * 6)
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in labels]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    for x, y in axes.transData.transform(points):
        assert not any(box.contains(x, y) for box in boxes)


def test_labels_of_points_that_touch_get_a_line():
    figure = new_figure(7, 4)
    axes = figure.subplots()
    axes.set_xlim(0, 3)
    axes.set_ylim(0, 2)
    place_labels(figure, axes, [(1, 1), (1.01, 1), (2, 1)], ["a", "b", "c"], ["k"] * 3)
    lines = [text.xy for text in axes.texts if not text.get_text()]
    assert lines == [(1, 1), (1.01, 1)]


def test_the_same_rows_give_the_same_bytes(rows, tmp_path):
    rows = [row for row in rows if row.dataset == "one"]
    for name in ("first", "second"):
        save(draw_speed(rows, ["l3c"]), tmp_path / f"{name}.svg", tmp_path / f"{name}.png", "stamp")
    assert "stamp" in (tmp_path / "first.svg").read_text()
    assert b"Description\0stamp" in (tmp_path / "first.png").read_bytes()
    for kind in ("svg", "png"):
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("first", "second"))
        assert first == second
