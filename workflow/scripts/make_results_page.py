"""A page about a run, with links to what the run has."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.figures.registry import load_figures
    from l3c.evaluation.provenance import read_provenance
    from l3c.evaluation.results_page import RunFacts, results_page
    from l3c.evaluation.rows import read_failed, read_record, read_rows, write_text

    run = Path(snakemake.input.rows).parent
    captions = {
        Path(path).stem: " ".join(Path(path).read_text(encoding="utf-8").split())
        for path in snakemake.input.captions
    }
    captions |= {name: spec.caption for name, spec in load_figures().items()}
    page = results_page(
        RunFacts(
            read_rows(Path(snakemake.input.rows)),
            read_provenance(Path(snakemake.input.provenance)),
            snakemake.params.labels,
            read_failed(Path(snakemake.input.rows)),
            [read_record(Path(path)) for path in snakemake.input.records],
        ),
        [str(Path(path).relative_to(run)) for path in snakemake.input.results],
        captions,
        lambda path: (run / path).read_text(encoding="utf-8"),
    )
    write_text(Path(snakemake.output.page), page)
