"""Tables 1, 2, 3, A1, A2, A3 of the L3C paper, published values beside those of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from l3c.evaluation.batch_rows import BatchRow
from l3c.evaluation.deviations import network_deviations
from l3c.evaluation.measurements import Measurements
from l3c.evaluation.other_load import noise_note
from l3c.evaluation.paper_lines import BPSP, MIB, SECONDS, PaperTable, Section
from l3c.evaluation.paper_rates import Rated, rate_lines, rated_crops, rated_images
from l3c.evaluation.paper_times import (
    Samples,
    counted_lines,
    largest,
    method_lines,
    peak_memory,
    seconds_per_image,
    stage_seconds,
    total_seconds,
)
from l3c.evaluation.published import PublishedValue
from l3c.evaluation.rows import ResultRow
from l3c.evaluation.timing_rows import TimingRow

_Row = ResultRow | TimingRow | BatchRow
_METHOD = "Method"
_SIDE = 32  # of the images of Table A3, pixels
# Sections of Table A1: title, quantity, stages. The first has the sum of the paper's two columns.
_STAGES = (
    (
        "Network, CDFs and arithmetic decoding together",
        "all_stages_s",
        ("network", "coder", "range_coder"),
    ),
    ("Passes of the network", "network_s", ("network",)),
    ("CDFs and arithmetic decoding, one loop", "coder_s", ("coder", "range_coder")),
)
_SAME = "the published images."
_STAND_IN = "other images than the published ones, so compare order and distances, not values."
_NO_GPU = "GPU: not measured here."


def paper_tables(values: Sequence[PublishedValue], run: Measurements) -> list[PaperTable]:
    """All six tables, in the paper's order.

    Args:
        values: all published ones.
        run: what stands beside them.
    """
    makers = {"1": _table_1, "2": _table_2, "3": _table_3}
    makers |= {"A1": _table_a1, "A2": _table_a2, "A3": _table_a3}
    return [
        make([value for value in values if value.table == number], run)
        for number, make in makers.items()
    ]


def _table_1(values: Sequence[PublishedValue], run: Measurements) -> PaperTable:
    notes = (
        "The first sections are of the third edition of the paper, the last ones of the second, "
        "whose Open Images were saved as JPEG: every method looks better on them.",
    )
    sections = _rate_sections(values, run)
    used = _images_of(sections, run)
    return _table("1", "Bits per sub-pixel on photographs", sections, notes, used, run)


def _table_2(values: Sequence[PublishedValue], run: Measurements) -> PaperTable:
    sections = _rate_sections(values, run)
    used: list[_Row] = [*_images_of(sections, run)]
    for (label, quantity), group in _grouped(values).items():
        if quantity == BPSP:
            continue
        size, batch = quantity.removeprefix("sample_s ").split()
        side, images = int(size.split("x")[0]), int(batch.removeprefix("bs"))
        samples = _by_method(run, side, images)
        section = Section(
            title=f"Sampling one image of {size}, batch size {images}",
            label=label,
            quantity=quantity,
            unit=SECONDS,
            head=_METHOD,
            settings=samples.columns(),
            lines=method_lines(group, samples, _labels(run.batches), run.published_as),
            remark=_sampled(samples),
        )
        sections.append(section)
        used += [row for row in run.batches if (row.side, row.batch) == (side, images)]
    notes = (
        "Published times are of a Titan X (Pascal); those of PixelCNN and MS-PixelCNN are as their "
        "authors reported them, on other machines.",
    )
    title = "ImageNet32: bits per sub-pixel, seconds to sample"
    return _table("2", title, sections, notes, used, run)


def _table_3(values: Sequence[PublishedValue], run: Measurements) -> PaperTable:
    groups = _grouped(values)
    label = next(iter(groups))[0]
    methods = _labels(run.timing)
    external = {row.key for row in run.timing if not row.in_process}
    empty = Section("", label, "", SECONDS, _METHOD, (), ())
    sections = []
    for direction in ("encode", "decode"):
        samples = total_seconds(run.timing, direction)
        published = groups[label, f"{direction}_s"]
        lines = method_lines(published, samples, methods, run.published_as)
        marked = {methods[key] for key in external}
        section = replace(
            empty,
            title=f"Seconds to {direction} a crop",
            quantity=f"{direction}_s",
            settings=samples.columns(),
            lines=tuple(replace(line, external=line.label in marked) for line in lines),
        )
        sections.append(section)
    rates = rate_lines(groups[label, BPSP], rated_crops(run.timing), run.published_as)
    sections.append(
        replace(
            empty,
            title="Bits per sub-pixel of the crops",
            quantity=BPSP,
            unit=BPSP,
            settings=("measured",),
            lines=rates,
        )
    )
    memory = peak_memory(run.timing)
    if memory.values:
        section = replace(
            empty,
            title="Peak memory in MiB, over all crops and numbers of threads",
            label="",
            quantity="peak_mib",
            unit=MIB,
            settings=memory.columns(),
            lines=method_lines((), memory, methods, run.published_as, largest),
        )
        sections.append(section)
    notes = ["Published times are of a Titan X (Pascal) and a Xeon E5-2680 v3."]
    untimed = dict.fromkeys(
        record.method for record in run.records if record.measured and record.key not in methods
    )
    if run.timing and untimed:
        notes.append(f"Measured on whole images only, not timed on crops: {', '.join(untimed)}.")
    notes += [
        f"{row.method} is not timed, since it failed on the crop {row.image}: {row.reason}."
        for row in run.failed_timing
    ]
    title = "Seconds and bits per sub-pixel for crops of 512x512"
    return _table("3", title, _on_crops(sections, run.timing, run), notes, run.timing, run)


def _table_a1(values: Sequence[PublishedValue], run: Measurements) -> PaperTable:
    both: dict[str, list[PublishedValue]] = {}
    for value in values:
        both.setdefault(value.quantity.split()[1], []).append(value)
    keys = run.references()
    sections: list[Section] = []
    for title, quantity, stages in _STAGES:
        theirs = {} if sections else {line: _sum(parts) for line, parts in both.items()}
        samples = stage_seconds(run.timing, keys, stages)
        if theirs or samples.values:
            label = values[0].label if theirs else ""
            lines = counted_lines(theirs, samples, _scale_order)
            columns = samples.columns()
            sections.append(Section(title, label, quantity, SECONDS, "Scale", columns, lines))
    parts = "; ".join(f"{line}: {_sum(both[line]).note}" for line in sorted(both, key=_scale_order))
    notes = [
        "Published times are means of 500 crops of 512x512, which is s=0, on a Titan X (Pascal). "
        "The coarsest scale of a model has a uniform prior, so that there is no CDF to obtain: s=3 "
        "in the paper. Models here may have more scales; totals are of as many as a model has.",
        "The paper has two columns, whose sums stand above: obtaining the CDFs, which are whole "
        "tables, with the passes of the network; and arithmetic decoding, which searches them. "
        f"{parts}.",
        "Ours are of L3C, without reading the container. The decoder evaluates CDFs where its "
        "search needs them, in one loop: obtaining CDFs and arithmetic decoding are no two steps, "
        "and are not told apart.",
    ]
    used = [row for row in run.timing if row.key in keys]
    return _table("A1", "Decoding time by scale", _on_crops(sections, used, run), notes, used, run)


def _sum(parts: Sequence[PublishedValue]) -> PublishedValue:
    """The paper's columns of a scale together; the note has them one by one."""
    named = (f"{part.quantity.split('_s ')[0].replace('_', ' ')} {part.printed}" for part in parts)
    total = sum(part.value for part in parts)
    return replace(parts[0], quantity="all_stages_s", value=total, note=", ".join(named), text="")


def _table_a2(values: Sequence[PublishedValue], run: Measurements) -> PaperTable:
    notes = (
        "The text of the paper's appendix exchanges two percentages: L3C lies 23.8 % above "
        "PixelCNN and 19.5 % above MS-PixelCNN.",
    )
    sections = _rate_sections(values, run)
    used = _images_of(sections, run)
    return _table("A2", "ImageNet64: bits per sub-pixel", sections, notes, used, run)


def _table_a3(values: Sequence[PublishedValue], run: Measurements) -> PaperTable:
    published = {value.quantity.split("bs")[1]: value for value in values}
    keys = run.references()
    sections = []
    for operation in ("sample", "encode", "decode"):
        theirs = published if operation == "sample" else {}
        samples = seconds_per_image(run.batches, keys, operation, _SIDE)
        if not samples.values and not theirs:
            continue
        lines = counted_lines(theirs, samples, int)
        remarks = [_sampled(samples)]
        coded = operation != "sample"
        if coded:
            of = f"The images are crops of {run.cut_from.dataset}. " if run.cut_from else ""
            said = "Each image has a file of its own; integers predict a batch at once."
            remarks.insert(0, f"{of}{said}")
        sections.append(
            Section(
                title=f"Seconds to {operation} one image of {_SIDE}x{_SIDE}",
                label=values[0].label if theirs else "",
                quantity=f"{operation}_s",
                unit=SECONDS,
                head="Batch size",
                settings=samples.columns(),
                lines=lines,
                dataset=run.cut_from.dataset if run.cut_from and coded else "",
                remark=" ".join(filter(None, remarks)),
            )
        )
    notes = ("Published times are of a Titan X (Pascal).",)
    used = [row for row in run.batches if row.key in keys and row.side == _SIDE]
    return _table("A3", "Seconds by batch size", sections, notes, used, run)


def _rate_sections(values: Sequence[PublishedValue], run: Measurements) -> list[Section]:
    """A section for each published data set and edition, and each of ours that stands for it."""
    sections = []
    for (label, quantity), group in _grouped(values).items():
        if quantity != BPSP:
            continue
        sections += [
            _rate_section(label, group, run, dataset)
            for dataset in _standing_for(label, values, run) or [""]
        ]
    return sections


def _rate_section(
    label: str, published: Sequence[PublishedValue], run: Measurements, dataset: str
) -> Section:
    section = Section(label, label, BPSP, BPSP, _METHOD, ("measured",), ())
    if not dataset:
        lines = rate_lines(published, (), run.published_as)
        remark = f"Not measured here: no data set of this run stands for {label}."
        return replace(section, lines=lines, remark=remark)
    counterpart = run.counterparts[dataset]
    same = counterpart.same and counterpart.label == label
    ours: list[Rated] = rated_images(run.rows, run.records, dataset, run.failed)
    lines = rate_lines(published, ours, run.published_as)
    if counterpart.label != label:  # another edition: what the paper lacks is in the first one
        lines = tuple(line for line in lines if line.published)
    section = replace(section, title=label if same else f"{label}, {dataset} stands in")
    named = f"{dataset} ({counterpart.title})" if counterpart.title else dataset
    images = max((len(rated.sizes) for rated in ours), default=0)
    return replace(
        section,
        lines=lines,
        dataset=dataset,
        same=same,
        remark=f"Measured on {named}, {images} image{'' if images == 1 else 's'}: "
        f"{_SAME if same else _STAND_IN}",
    )


def _standing_for(label: str, values: Sequence[PublishedValue], run: Measurements) -> list[str]:
    """Our measured data sets beside a published one; else the very images of another edition."""
    names = {value.label: value.dataset for value in values}
    measured = dict.fromkeys(record.dataset for record in run.records)
    beside = {name: run.counterparts[name].label for name in measured if name in run.counterparts}
    exact = [name for name, other in beside.items() if other == label]
    return exact or [
        name
        for name, other in beside.items()
        if run.counterparts[name].same and names.get(other) == names[label]
    ]


def _on_crops(
    sections: Iterable[Section], used: Sequence[TimingRow], run: Measurements
) -> list[Section]:
    """The sections with what is said about the crops of the rows they are made from."""
    if not used:
        remark = "Not measured here: this run has no such timings of crops."
        return [replace(section, remark=remark) for section in sections]
    first = used[0]
    crops = len({row.image for row in used})
    smaller = run.cut_from and run.cut_from.smallest < first.height
    mirrored = ", smaller ones continued by mirroring" if smaller else ""
    remark = (
        f"Measured on {crops} crop{'' if crops == 1 else 's'} of {first.width}x{first.height} from "
        f"images of {first.dataset}{mirrored}: {_STAND_IN}"
    )
    if not any(row.device == "cuda" for row in used):
        remark += f" {_NO_GPU}"
    return [
        replace(section, remark=remark, dataset=first.dataset, same=False) for section in sections
    ]


def _images_of(sections: Iterable[Section], run: Measurements) -> list[ResultRow]:
    """Rows of the data sets that sections show."""
    datasets = {section.dataset for section in sections}
    return [row for row in run.rows if row.dataset in datasets]


def _table(
    number: str,
    title: str,
    sections: Sequence[Section],
    notes: Sequence[str],
    used: Sequence[_Row],
    run: Measurements,
) -> PaperTable:
    """The table with what its measurements, `used`, were made on and with."""
    machines = [f"{row.hardware}; {row.environment}" for row in used]
    machines += [
        f"GPU {row.device_name}"
        for row in used
        if not isinstance(row, ResultRow) and row.device == "cuda"
    ]
    once = tuple(dict.fromkeys(machines))
    versions = {record.key: (record.version, record.settings) for record in run.records}
    for row in used:
        if not isinstance(row, BatchRow):
            versions[row.key] = (row.version, row.settings)
    labels = {row.key: row.method for row in used}
    methods = [
        "{}: {} ({})".format(method, *versions[key])
        for key, method in labels.items()
        if key in versions
    ]
    models = {key: method for key, method in labels.items() if key in run.cards}
    seconds = any(section.unit == SECONDS for section in sections)
    noisy = noise_note(used) if seconds else ""
    return PaperTable(
        number=number,
        title=title,
        sections=tuple(sections),
        notes=(*notes, f"{noisy}.") if noisy else tuple(notes),
        machines=once,
        methods=tuple(methods),
        deviations=network_deviations(models, run.cards),
    )


def _sampled(samples: Samples) -> str:
    """What is missing of the times by batch size."""
    if not samples.values:
        return "Not measured here: this run has no times of such batches."
    has_gpu = any(setting.device == "cuda" for setting in samples.settings())
    return "" if has_gpu else _NO_GPU


def _scale_order(line: str) -> int:
    """Coarsest scale first, the total last."""
    return 1 if line == "total" else -int(line.removeprefix("s="))


def _by_method(run: Measurements, side: int, batch: int) -> Samples:
    """Seconds per sampled image by key of the model, for one size and batch."""
    samples = Samples()
    rows = [row for row in run.batches if (row.side, row.batch) == (side, batch)]
    for key in dict.fromkeys(row.key for row in rows):
        found = seconds_per_image(rows, [key], "sample", side)
        for (_, setting), runs in found.values.items():
            samples.values[key, setting] = runs
    return samples


def _grouped(
    values: Iterable[PublishedValue],
) -> dict[tuple[str, str], list[PublishedValue]]:
    """Values by label and quantity, in the order of the file."""
    groups: dict[tuple[str, str], list[PublishedValue]] = {}
    for value in values:
        groups.setdefault((value.label, value.quantity), []).append(value)
    return groups


def _labels(rows: Iterable[TimingRow | BatchRow]) -> dict[str, str]:
    return {row.key: row.method for row in rows}
