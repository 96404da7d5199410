# Results for visitors of the repository: `snakemake --cores all reference`. Those of the default run lie in
# results/reference/, those of another configuration in the folder that it names.
# Nothing of it is an input of `all`, so that a fresh clone measures by itself.

REFERENCE = Path(EXPERIMENT.reference)
COPIES = [str(REFERENCE / Path(path).relative_to(RUN)) for path in RESULTS]


rule reference:
    input:
        COPIES,
        str(REFERENCE / "README.md"),


rule copy_reference:
    input:
        get_reference_results,
    output:
        COPIES,
    log:
        f"{RUN}/logs/copy_reference.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    script:
        "../scripts/copy_files.py"


# What a code host shows of the folder: one page with the comparison, the figures, links to the rest.
rule make_results_page:
    input:
        provenance=PROVENANCE,
        results=get_reference_results,
        captions=CAPTIONS,
    output:
        page=str(REFERENCE / "README.md"),
    log:
        f"{RUN}/logs/make_results_page.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        figures=FIGURE_MODULES,
    script:
        "../scripts/make_site.py"
