"""One figure, by its name."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.figures import style
    from l3c.bench.figures.registry import draw_figure, load_figures
    from l3c.bench.measure.provenance import read_provenance

    spec = load_figures([snakemake.input.module])[snakemake.wildcards.figure]
    named = {
        name: [paths] if isinstance(paths, str) else paths
        for name, paths in snakemake.input.items()
    }
    files = {name: [Path(path) for path in paths] for name, paths in named.items()}
    style.save(
        draw_figure(spec, files, snakemake.params.facts),
        Path(snakemake.output.svg),
        Path(snakemake.output.png),
        read_provenance(files["provenance"][0]).stamp,
    )
