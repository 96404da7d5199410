"""A page about a run, with links to what the run has."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.figures.registry import load_figures
    from l3c.bench.measure.provenance import read_provenance
    from l3c.bench.results_page import RunFacts, results_page
    from l3c.bench.schema import ResultRow, read, read_record
    from l3c.whole_files import write_text

    run = Path(snakemake.input.rows).parent
    captions = {
        Path(path).stem: " ".join(Path(path).read_text(encoding="utf-8").split())
        for path in snakemake.input.captions
    }
    captions |= {name: spec.caption for name, spec in load_figures().items()}
    page = results_page(
        RunFacts(
            read(Path(snakemake.input.rows), ResultRow),
            read_provenance(Path(snakemake.input.provenance)),
            snakemake.params.labels,
            [read_record(Path(path)) for path in snakemake.input.records],
        ),
        [str(Path(path).relative_to(run)) for path in snakemake.input.results],
        captions,
        Path(snakemake.input.overview).read_text(encoding="utf-8"),
    )
    write_text(Path(snakemake.output.page), page)
