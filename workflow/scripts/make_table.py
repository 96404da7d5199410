"""The comparison as Markdown, CSV and LaTeX, rates alone, and what was left out."""

import json
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.data.manifest import read_manifest
    from l3c.evaluation import notes, tables
    from l3c.evaluation.counterparts import Counterpart
    from l3c.evaluation.provenance import read_id, read_stamp
    from l3c.evaluation.published import bpsp_of, read_published
    from l3c.evaluation.rows import read_failed, read_record, read_rows, write_text
    from l3c.evaluation.summary import summarize

    params = snakemake.params
    stamp = read_stamp(Path(snakemake.input.provenance))
    made_from = read_id(Path(snakemake.input.provenance))
    rows = read_rows(Path(snakemake.input.rows))
    failed = read_failed(Path(snakemake.input.rows))
    records = [read_record(Path(path)) for path in snakemake.input.records]
    values = read_published(Path(snakemake.input.published))
    manifests = {
        name: read_manifest(Path(path))
        for name, path in zip(params.used, snakemake.input.manifests, strict=True)
    }
    counterparts = {
        name: Counterpart(**fields).beside(manifests[name])
        for name, fields in params.counterparts.items()
    }
    cards = {
        key: json.loads(Path(path).read_text(encoding="utf-8"))
        for key, path in zip(params.trained, snakemake.input.cards, strict=True)
    }
    comparison = {}
    for name in params.datasets:
        label = counterparts[name].label if name in counterparts else None
        published = bpsp_of(values, label)
        comparison[name] = summarize(rows, records, published, name, params.published_as, failed)
    context = notes.Context(rows, manifests, params.trained_on, cards, counterparts)
    markdown = tables.comparison_markdown(comparison, notes.make_notes(comparison, context), stamp)
    below = notes.small_print(comparison, context)
    for path, text in (
        (snakemake.output.markdown, markdown),
        (snakemake.output.csv, tables.comparison_csv(comparison, made_from)),
        (snakemake.output.latex, tables.comparison_latex(comparison, below, stamp)),
        (snakemake.output.rates, tables.rates_csv(comparison, made_from)),
        (snakemake.output.left_out, notes.left_out_csv(manifests, made_from)),
    ):
        write_text(Path(path), text)
