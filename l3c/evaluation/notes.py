"""What stands below the comparison: definitions, what was left out, the models, the machine."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from l3c.data.manifest import ManifestRow
from l3c.evaluation.bootstrap import LEAST, LEVEL
from l3c.evaluation.counterparts import Counterpart
from l3c.evaluation.deviations import network_deviations
from l3c.evaluation.layout import EXTERNAL_MARK, MINUS, UNVERIFIED_MARK, markdown_table
from l3c.evaluation.other_load import noise_note
from l3c.evaluation.rows import ResultRow, failure_text
from l3c.evaluation.summary import Summary

LISTED = 10  # images left out that a note names; left_out.csv has them all


@dataclass(frozen=True)
class Context:
    """Everything the notes speak about besides the comparison itself.

    Attributes:
        rows: all result rows.
        manifests: data set -> its manifest; the training sets are among them.
        trained_on: model key -> the data set it was trained on.
        cards: model key -> its card.
        counterparts: data set -> the published one beside it, for those that have one.
    """

    rows: Sequence[ResultRow]
    manifests: Mapping[str, Sequence[ManifestRow]]
    trained_on: Mapping[str, str]
    cards: Mapping[str, Mapping[str, Any]]
    counterparts: Mapping[str, Counterpart]


def make_notes(
    comparison: Mapping[str, Sequence[Summary]], context: Context
) -> dict[str, list[str]]:
    """Notes by data set, and the closing ones under ""; all in Markdown."""
    notes = {
        dataset: _dataset_notes(dataset, summaries, context)
        for dataset, summaries in comparison.items()
    }
    marks = any(
        item.totals and not item.totals.in_process for s in comparison.values() for item in s
    )
    published = any(item.published for s in comparison.values() for item in s)
    notes[""] = [
        *_definitions(marks, published),
        "",
        *_models(comparison, context),
        "",
        *(f"* {line}" for line in _machine(comparison, context)),
    ]
    return notes


def small_print(comparison: Mapping[str, Sequence[Summary]], context: Context) -> list[str]:
    """The machine, the methods, and how networks are not the paper's, for a printed table."""
    differing = _deviations(comparison, context).items()
    return [
        *_machine(comparison, context),
        *(f"{subject}: {differs}." for subject, differs in differing),
    ]


def _dataset_notes(dataset: str, summaries: Sequence[Summary], context: Context) -> list[str]:
    manifest = context.manifests[dataset]
    kept = [row for row in manifest if row.status == "kept"]
    measured = f"{_images(len(kept))} measured"
    but = ", but for the failures below" if any(item.failed for item in summaries) else ""
    notes = [f"{measured}, each decoded from its file and equal to the original{but}."]
    for item in summaries:
        if text := failure_text(item.failed, item.totals.images if item.totals else 0):
            means = " Its means are over the other images." if item.totals else ""
            notes.append(f"**{item.method} {text}.**{means}")
    counterpart = context.counterparts.get(dataset)
    if counterpart:
        notes.append(f"Published: L3C paper, {counterpart.label}; {counterpart.words}.")
    licences = sorted({row.licence for row in kept if row.licence})
    if licences:
        more = "; and others in the manifest" if len(licences) > LISTED else ""
        notes.append(f"Source and licence of the images: {'; '.join(licences[:LISTED])}{more}.")
    dropped = [row for row in manifest if row.status == "dropped"]
    if dropped:
        named = "; ".join(f"{row.source}: {row.reason}" for row in dropped[:LISTED])
        more = (
            f"; and {len(dropped) - LISTED} more in left_out.csv" if len(dropped) > LISTED else ""
        )
        notes.append(f"{len(dropped)} left out: {named}{more}.")
    for train in dict.fromkeys(context.trained_on.values()):
        if shares_pixels(kept, context.manifests[train]):
            notes.append(
                f"**Images of this data set are in the training set {train} too:** the learned "
                "methods have seen them."
            )
    for item in summaries:
        if item.reason and item.key:
            notes.append(f"{item.method}: not measured ({item.reason}).")
    only = [item.method for item in summaries if not item.key]
    if only:
        notes.append(f"Only published, not measured here: {', '.join(only)}.")
    return notes


def shares_pixels(kept: Sequence[ManifestRow], train: Sequence[ManifestRow]) -> bool:
    """Whether an image of a data set was trained on, pixel for pixel."""
    seen = {row.pixel_sha256 for row in train if row.status == "kept"}
    return any(row.pixel_sha256 in seen for row in kept)


def _definitions(external: bool, published: bool) -> list[str]:
    lines = [
        "* bpsp: bits per sub-pixel, 8 times the bytes of the whole file over 3HW, mean over "
        "images; *total bpsp*: all bits over all sub-pixels. *vs. L3C*: bpsp above (+) or below "
        f"({MINUS}) L3C's, ours against ours and published against published.",
        f"* *{LEVEL:.0f} % interval* of the mean, by a percentile bootstrap over images: how far "
        "it may be that of other such images. Of few images it is too narrow; of fewer than "
        f"{LEAST} none is given.",
        "* *cross-entropy*: the learned model's own estimate of the rate, total, with the one in "
        "2^24 that every symbol keeps; *gap*: how far the real files lie above it (+) or below "
        f"({MINUS}): zero bytes at the end of a stream are not stored, and so a last row of black "
        "takes next to no bytes even where no model expects it.",
        "* Speeds are measured inside the process after a warm-up, each method alone on the "
        "machine; MB are 10^6 bytes of raw pixels.",
    ]
    if external:
        lines.append(
            f"* {EXTERNAL_MARK} runs an external program: the way to it, by files, is in the "
            "times, and its start unless it stays."
        )
    if published:
        lines.append(
            f"* {UNVERIFIED_MARK} recalled, not yet checked against the paper (unverified)."
        )
    return lines


def _models(comparison: Mapping[str, Sequence[Summary]], context: Context) -> list[str]:
    if not context.cards:
        return ["No learned model was measured."]
    head = (
        ("Model", "l"),
        ("parameters", "r"),
        ("steps", "r"),
        ("training time", "r"),
        ("recipe", "l"),
        ("trained on", "l"),
    )
    labels = _labels(comparison, context)
    lines = [
        [
            labels[key],
            f"{card['parameters']:,}",
            f"{card['steps']:,}",
            _duration(float(card["train_s"])),
            _recipe_name(card),
            f"{context.trained_on[key]}, {_images(card['images'])}",
        ]
        for key, card in context.cards.items()
    ]
    differing = _deviations(comparison, context).items()
    return [
        *markdown_table(head, lines),
        "",
        *(f"* **{subject}**: {differs}." for subject, differs in differing),
        "",
        "The cards, `models/*.json` of the run, have the rest of the deviations.",
    ]


def _labels(comparison: Mapping[str, Sequence[Summary]], context: Context) -> dict[str, str]:
    """Key of each model with a card -> its label in the comparison, else in the card."""
    measured = {item.key: item.method for summaries in comparison.values() for item in summaries}
    return {key: measured.get(key, card["name"]) for key, card in context.cards.items()}


def _deviations(comparison: Mapping[str, Sequence[Summary]], context: Context) -> dict[str, str]:
    return network_deviations(_labels(comparison, context), context.cards)


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _recipe_name(card: Mapping[str, Any]) -> str:
    recipe = card["recipe"]
    return str(recipe["name"]) if isinstance(recipe, Mapping) else str(recipe)


def _machine(comparison: Mapping[str, Sequence[Summary]], context: Context) -> list[str]:
    rows = context.rows
    machines = dict.fromkeys(f"{row.hardware}; {row.environment}" for row in rows)
    threads = sorted({row.threads for row in rows})
    versions = dict.fromkeys(
        f"{item.method}: {item.version} ({item.settings})"
        for summaries in comparison.values()
        for item in summaries
        if item.totals
    )
    noisy = noise_note(rows)
    return [
        *(f"Machine: {machine}." for machine in machines),
        *([f"{noisy}."] if noisy else []),
        f"Threads at hand: {', '.join(map(str, threads)) or 'none'}; a codec whose settings say "
        "numthreads=1 uses one.",
        *(f"{version}." for version in versions),
    ]


def left_out_csv(manifests: Mapping[str, Sequence[ManifestRow]], provenance: str) -> str:
    """Every dropped image of every data set with its reason."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dataset", "image", "source", "reason", "provenance"])
    for dataset, manifest in manifests.items():
        for row in manifest:
            if row.status == "dropped":
                writer.writerow([dataset, row.image, row.source, row.reason, provenance])
    return text.getvalue()


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"
