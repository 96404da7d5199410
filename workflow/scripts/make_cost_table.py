"""The cost of integers for all models and data sets, as CSV and Markdown."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.evaluation.integer_cost import cost_csv, cost_markdown, read_cost
    from l3c.evaluation.provenance import read_id, read_stamp
    from l3c.evaluation.rows import write_text

    rows = [row for path in snakemake.input.rows for row in read_cost(Path(path))]
    provenance = Path(snakemake.input.provenance)
    notes = [f"Provenance: {read_stamp(provenance)}."]
    write_text(Path(snakemake.output.csv), cost_csv(rows, read_id(provenance)))
    markdown = cost_markdown(rows, snakemake.params.labels, notes)
    write_text(Path(snakemake.output.markdown), markdown)
