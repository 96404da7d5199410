"""Tables in Markdown as pages for a browser."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.notebooks import markdown_page
    from l3c.whole_files import write_text

    for table, page in zip(snakemake.input.tables, snakemake.output.pages, strict=True):
        write_text(Path(page), markdown_page(Path(table).read_text(encoding="utf-8")))
