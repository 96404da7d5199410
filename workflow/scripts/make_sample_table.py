"""What is stored of samples beside the paper's example, as CSV."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure.provenance import read_id
    from l3c.bench.measure.sample_rows import samples_table
    from l3c.bench.published import read_published, samples_of
    from l3c.bench.schema import SampleRow, read_rows
    from l3c.whole_files import write_text

    rows = read_rows(Path(snakemake.input.rows), SampleRow)
    published = samples_of(read_published(Path(snakemake.input.published)))
    table = samples_table(rows, published, read_id(Path(snakemake.input.provenance)))
    write_text(Path(snakemake.output.csv), table)
