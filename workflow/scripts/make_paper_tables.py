"""The tables of the paper as Markdown, CSV and LaTeX, and one page with all of them."""

import json
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.data.manifest import read_manifest
    from l3c.evaluation import paper_pages
    from l3c.evaluation.batch_rows import read_batches
    from l3c.evaluation.counterparts import Counterpart
    from l3c.evaluation.measurements import CutFrom, Measurements
    from l3c.evaluation.paper_tables import paper_tables
    from l3c.evaluation.provenance import read_id, read_stamp
    from l3c.evaluation.published import read_published
    from l3c.evaluation.rows import read_failed, read_record, read_rows, write_text
    from l3c.evaluation.timing_rows import read_failed_timing, read_timing

    given, params = snakemake.input, snakemake.params
    stamp, made_from = read_stamp(Path(given.provenance)), read_id(Path(given.provenance))
    counterparts = {
        name: Counterpart(**fields).beside(read_manifest(Path(path)))
        for (name, fields), path in zip(params.counterparts.items(), given.manifests, strict=True)
    }
    trained = {
        key: json.loads(Path(path).read_text(encoding="utf-8"))
        for key, path in zip(params.trained, given.cards, strict=True)
    }
    cut_from = None
    if given.cut_from:
        kept = [row for row in read_manifest(Path(given.cut_from)) if row.status == "kept"]
        cut_from = CutFrom(params.cut_from, min(min(row.height, row.width) for row in kept))
    run = Measurements(
        rows=read_rows(Path(given.rows)),
        records=[read_record(Path(path)) for path in given.records],
        timing=[row for path in given.timing for row in read_timing(Path(path))],
        batches=[row for path in given.batches for row in read_batches(Path(path))],
        counterparts=counterparts,
        published_as=params.published_as,
        cards={key: trained[weights] for key, weights in params.trained_as.items()},
        cut_from=cut_from,
        failed=read_failed(Path(given.rows)),
        failed_timing=[row for path in given.timing for row in read_failed_timing(Path(path))],
    )
    tables = paper_tables(read_published(Path(given.published)), run)
    made = snakemake.output
    write_text(Path(made.page), paper_pages.tables_markdown(tables, stamp))
    for table, path in zip(tables, made.markdown, strict=True):
        write_text(Path(path), paper_pages.table_markdown(table, stamp))
    for table, path in zip(tables, made.csv, strict=True):
        write_text(Path(path), paper_pages.table_csv(table, made_from))
    for table, path in zip(tables, made.latex, strict=True):
        write_text(Path(path), paper_pages.table_latex(table, stamp))
