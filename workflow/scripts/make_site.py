"""The site of a run, or, for a code host, one page of the same tables and figures."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.figures.registry import load_figures
    from l3c.bench.run import read_run
    from l3c.bench.site import readme, write_site
    from l3c.files import write_text

    given, params = snakemake.input, snakemake.params
    captions = {
        Path(path).stem: " ".join(Path(path).read_text(encoding="utf-8").split())
        for path in given.captions
    }
    load_figures(params.figures)
    run = read_run(Path(given.provenance).parent)
    there = [*given.results, *(path for path in params.get("also", []) if Path(path).exists())]
    results = [Path(path).relative_to(run.path).as_posix() for path in there]
    if snakemake.output.get("page"):
        write_text(Path(snakemake.output.page), readme(run, results, captions))
    else:
        write_site([run], Path(snakemake.output.site), results, captions)
