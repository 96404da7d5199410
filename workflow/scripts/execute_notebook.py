"""A notebook with its outputs, and the same as a page."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    import nbformat

    from l3c.bench.measure.provenance import read_provenance
    from l3c.bench.notebooks import execute, to_page
    from l3c.files import write_text

    stamp = read_provenance(Path(snakemake.input.provenance)).stamp
    notebook = execute(Path(snakemake.input.notebook), snakemake.params.given, stamp=stamp)
    write_text(Path(snakemake.output.notebook), nbformat.writes(notebook) + "\n")
    write_text(Path(snakemake.output.page), to_page(notebook, snakemake.wildcards.notebook))
