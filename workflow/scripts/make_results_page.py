"""A page about a run, with links to what the run has."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.figures.registry import load_figures
    from l3c.bench.measure.provenance import read_stamp
    from l3c.bench.results_page import filled, results_page
    from l3c.whole_files import write_text

    given = snakemake.input
    captions = {
        Path(path).stem: " ".join(Path(path).read_text(encoding="utf-8").split())
        for path in given.captions
    }
    load_figures(snakemake.params.figures)
    run = Path(given.provenance).parent
    page = results_page(
        Path(given.comparison).read_text(encoding="utf-8"),
        filled(run, [str(Path(path).relative_to(run)) for path in given.results]),
        captions,
        read_stamp(Path(given.provenance)),
    )
    write_text(Path(snakemake.output.page), page)
