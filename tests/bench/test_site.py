"""The site in headless Chromium, its numbers those of the rows; the page for a code host."""

import os
import shutil

import pandas as pd
import pytest
from golden import check_text
from made_run import kept
from PIL import Image
from result_rows import failed_row, lossy_row, provenance, result_row, timing_row, write_results
from tiny_models import smooth, write_model

from l3c.bench.compare import merged
from l3c.bench.measure.provenance import write_provenance
from l3c.bench.run import read_run
from l3c.bench.site import outputs, readme, write_site
from l3c.data.images import pixel_sha256, write_manifest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MATRIX = """# Cross-decoding

Some crops.

| encoder | 1 | 2 |
| - | - | - |
| batch 2 | = | 2 refused |
"""
SIZES = {  # bytes of the first image; PNG and WebP change places
    "toy": {"png": 300, "webp": 250, "l3c": 200},
    "more": {"png": 200, "webp": 270, "l3c": 250},
}
ABOUT = {
    "png": {"encode_s": 0.01},
    "webp": {"encode_s": 0.2, "method": "WebP"},
    "l3c": {"encode_s": 0.1, "method": "L3C", "cross_entropy_bits": 900.0},
}


def make_run(folder, hardware, **more):
    rows = [
        result_row(
            **ABOUT[key] | {"dataset": dataset, "key": key, "image": image, "hardware": hardware},
            num_bytes=size + 10 * i + more.get(key, 0),
        )
        for dataset, sizes in SIZES.items()
        for key, size in sizes.items()
        for i, image in enumerate("abcde")
    ]
    write_results(folder / "rows.csv", [*rows, failed_row(image="z", hardware=hardware)])
    clocked = [timing_row(peak_mib=700.5), timing_row(peak_mib=90, key="png", method="PNG")]
    write_results(folder / "timing.csv", clocked)
    return read_run(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Of two machines, the first with everything a site can show; WebP differs in a byte."""
    folder = tmp_path_factory.mktemp("runs")
    first = make_run(folder / "first", "a machine")
    (first.path / "cross_decoding").mkdir()
    (first.path / "cross_decoding/matrix.md").write_text(MATRIX)
    (first.path / "cross_decoding/matrix.csv").write_text("arithmetic\ninteger\n")
    points = [{"point": p, "bpp": p / 50 + (i == "b"), "image": i} for i in "ab" for p in (20, 40)]
    write_results(first.path / "lossy.csv", [lossy_row(**each) for each in points])
    (first.path / "tables").mkdir()
    (first.path / "tables/comparison.md").write_text("# Comparison\n\n| a |\n| - |\n| 2.991 |\n")
    (first.path / "figures").mkdir()
    for name in ("bpsp", "bits"):  # the latter reads rows of the same name, which are not there
        Image.fromarray(smooth(30, 40)).save(first.path / f"figures/{name}.png")
    (first.path / "data/toy/images").mkdir(parents=True)
    Image.fromarray(smooth(50, 40)).save(first.path / "data/toy/images/a.png")
    row = kept("a", "", pixel_sha256=pixel_sha256(smooth(50, 40)), licence="CC0")
    write_manifest(first.path / "data/toy/manifest.csv", [row])
    write_model(first.path / "models", name="l3c")
    return [read_run(first.path), make_run(folder / "second", "another", webp=1)]


@pytest.fixture(scope="module")
def site(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_site(runs, folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip("no Chromium on the PATH (apt-get install chromium), nor named by CHROMIUM")
    with api.sync_playwright() as started:
        # A container's root has no sandbox; the pages are our own.
        chromium = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, site):
    """Opens a view from disk without a network; fails at the end if the console has an error."""
    context, said = browser.new_context(offline=True), []

    def open_page(view, **look):
        page = browser.new_page(**look) if look else context.new_page()
        page.on("console", lambda m: said.extend([m.text] if m.type == "error" else []))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda each: said.append(each.url))
        page.goto((site / f"{view}.html").as_uri())
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_page
    context.close()
    assert [each for each in said if not each.startswith(("file:", "data:"))] == []


def shown(page, column):
    """Text of a column of the cells that are to be seen."""
    script = "(rows, i) => rows.filter(r => !r.hidden).map(r => r.cells[i].textContent)"
    return page.eval_on_selector_all("#methods tbody tr", script, column)


def marks(page, chart):
    """What each mark of a chart is, as a screen reader reads it."""
    script = "marks => marks.map(mark => mark.getAttribute('aria-label'))"
    return page.eval_on_selector_all(f"#{chart} [aria-roledescription=point]", script)


def test_methods_of_the_charts_of_images_are_sorted_by_their_rates(open_page):
    page, script = open_page("index"), "all => all.map(text => text.textContent)"
    for chart in ("rates", "seconds"):
        texts = page.eval_on_selector_all(f"#{chart} .role-axis-label text", script)
        names = [text.partition(", ")[0] for text in texts if ", run A" in text]
        assert names == ["L3C", "WebP", "PNG"]


def test_numbers_on_the_page_are_those_of_the_rows(open_page, runs, site):
    page = open_page("index")
    rows = merged(runs)
    means = rows[rows.dataset == "toy"].groupby(["method", "run"]).bpsp.mean()
    script = "all => all.map(r => [r.dataset.dataset, ...[...r.cells].map(c => c.textContent)])"
    cells = page.eval_on_selector_all("#methods tbody tr", script)
    found = {label: rate for dataset, label, rate, *_ in cells if dataset == "toy"}
    assert found == {f"{method}, run {run}": f"{mean:.3f}" for (method, run), mean in means.items()}
    script = "all => all.map(c => c.dataset.value)"
    exact = page.eval_on_selector_all("#methods td:nth-child(2)", script)
    assert set(means) <= set(map(float, exact))
    labels = marks(page, "encode")
    for method, value in means.unstack("run").A.items():
        said = [label for label in labels if f"method: {method}, run A;" in label]
        assert [f"bpsp: {value:.3f};" in label for label in said] == [True]
    table = pd.read_csv(site / "data/methods.csv").set_index(["dataset", "method", "run"])
    assert table.mean_bpsp["toy", "PNG", "A"] == means["PNG", "A"]


def test_filters_choose_rows_and_marks(open_page):
    page = open_page("index")
    points = "document.querySelectorAll('#encode [aria-roledescription=point]').length == "
    assert {*shown(page, 0)} == {f"{name}, run A" for name in ("PNG", "WebP", "L3C")}
    page.wait_for_function(f"{points} 3")
    page.locator("select[name=machine]").select_option("")
    assert len(shown(page, 0)) == 6
    page.wait_for_function(f"{points} 6")
    page.locator("select[name=kind]").select_option("learned")
    page.locator("select[name=dataset]").select_option("more")
    assert shown(page, 0) == ["L3C, run A", "L3C, run B"]
    assert ({*shown(page, 9)}, {*shown(page, 7)}) == (
        {"more"},
        {"a machine, run A", "another, run B"},
    )
    page.wait_for_function(f"{points} 2")


def test_columns_sort_both_ways_by_the_keyboard(open_page):
    page = open_page("index")
    assert shown(page, 1) == sorted(shown(page, 1))
    for column, name in ((1, "bits per sub-pixel"), (3, "encode MB/s"), (5, "memory MiB")):
        button = page.get_by_role("button", name=name)
        orders = []
        for _ in range(2):
            button.focus()
            page.keyboard.press("Enter")
            head = page.locator("#methods th").nth(column)
            values = [float(text) for text in shown(page, column) if text[0].isdigit()]
            assert head.get_attribute("aria-sort") in ("ascending", "descending")
            assert values == sorted(values, reverse=head.get_attribute("aria-sort") == "descending")
            orders.append(values)
        assert orders[0] == orders[1][::-1]
        assert len(orders[0]) == (2 if column == 5 else 3)


def test_every_view_has_its_content_alarm_and_provenance(open_page, site):
    views = {path.stem: open_page(path.stem) for path in site.glob("*.html")}
    assert {*views} == {"index", "images", "lossy", "decoding", "results"}
    for page in views.values():
        assert "WebP on toy" in page.get_by_role("alert").first.inner_text()
        assert "Run B, another" in page.locator("footer").inner_text()
        script = "all => all.map(a => a.getAttribute('href'))"
        links = page.eval_on_selector_all("nav a, p a, li a, figcaption a", script)
        assert [link for link in links if not (site / link).is_file()] == []
        images = "all => all.filter(i => !i.naturalWidth).map(i => i.src)"
        assert page.eval_on_selector_all("img", images) == []
    assert views["images"].locator(".card img").count() == 2
    card = views["images"].locator(".card").first.inner_text()
    assert "CC0" in card
    assert "40 × 50" not in card  # of the rows, not of the picture
    first = views["images"].locator(".card tbody tr").first.inner_text()
    assert first.split("\t")[:2] == ["L3C", "200"]
    assert "batch 2\t=\t2 refused" in views["decoding"].inner_text("main")
    assert "2.991" in views["results"].inner_text("main")
    script = "all => all.map(r => [...r.cells].slice(1, 3).map(c => Number(c.dataset.value)))"
    points = views["lossy"].eval_on_selector_all("tbody tr", script)
    means = [pytest.approx([20, 0.9]), pytest.approx([40, 1.3])]  # over two images
    assert points == means
    assert "png on toy" in views["index"].inner_text("main")  # failed on an image


def test_pages_fit_a_phone(open_page, site):
    for view in (path.stem for path in site.glob("*.html")):
        page = open_page(view, viewport={"width": 360, "height": 800}, color_scheme="dark")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, paper[4:-1].split(","))) < 120
        page.close()


def test_views_without_content_are_left_out(runs, tmp_path):
    write_site(runs[1:], tmp_path / "site")
    views = {path.stem for path in (tmp_path / "site").glob("*.html")}
    assert views == {"index", "images", "results"}


COMPARISON = "# Comparison\n\n## toy\n\n| Method |\n| --- |\n\n* A remark.\n\nProvenance: x.\n"
OUTPUTS = ["rows.csv", "tables/comparison.md", "tables/comparison.csv", "tables/comparison.tex"]
OUTPUTS += ["tables/table7.md", "figures/bpsp.svg", "figures/bpsp.png", "figures/new_one.png"]


@pytest.fixture
def shown_run(tmp_path):
    write_results(tmp_path / "rows.csv", [result_row()])
    write_provenance(tmp_path / "provenance.json", provenance())
    for path in OUTPUTS[1:]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("a\n1\n")
    (tmp_path / "tables/comparison.md").write_text(COMPARISON)
    return read_run(tmp_path)


def test_every_output_is_linked_once_or_shown(shown_run):
    check_text("readme.md", readme(shown_run, OUTPUTS, {"rows": "One ``row`` each."}))
    assert "## Figures" not in readme(shown_run, ["rows.csv", "tables/comparison.md"], {})


def test_empty_tables_and_figures_of_them_are_left_out(shown_run):
    (shown_run.path / "tables" / "samples.csv").write_text("dataset\n")
    wanted = ["rows.csv", "figures/bpsp.svg", "tables/samples.csv", "figures/samples.png"]
    assert [each["name"] for each in outputs(shown_run, wanted)] == ["rows", "figures/bpsp"]
    there = {path for each in outputs(shown_run) for path in each["files"]}
    assert there == {*OUTPUTS, "provenance.json"}
