# Rows -> tables and figures, published values beside ours; pages and notebooks, made once all else is there.


rule record_provenance:
    input:
        manifests=expand(MANIFEST, dataset=EXPERIMENT.used_datasets()),
        cards=expand(CARD, model=EXPERIMENT.trained()),
    output:
        provenance=PROVENANCE,
    log:
        f"{RUN}/logs/record_provenance.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        code=asdict(code_state(ROOT)),
        configuration=get_configuration(),
        datasets=EXPERIMENT.used_datasets(),
        models=EXPERIMENT.trained(),
        in_integers=EXPERIMENT.in_integers(),
    script:
        "../scripts/record_provenance.py"


rule make_tables:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/rows.csv",
        timing=TIMES["timing"],
        batches=TIMES["batches"],
        as_published=AS_PUBLISHED,
        samples=[FIGURE_FILES["samples"]] if VISUALIZED else [],
        lossy=[COLLECTED["lossy"]] if LOSSY else [],
        published_cpm=PUBLISHED_CPM,
        manifests=expand(MANIFEST, dataset=EXPERIMENT.used_datasets()),
        cards=expand(CARD, model=EXPERIMENT.trained()),
        published=PUBLISHED,
    output:
        [
            (
                report(
                    f"{RUN}/tables/{path}",
                    caption=f"../report/{Path(path).stem}.rst",
                    category="Tables",
                    labels={"content": f"{Path(path).stem} (CSV)"},
                )
                if path in ["comparison.csv", "left_out.csv", "samples.csv"]
                else f"{RUN}/tables/{path}"
            )
            for path in TABLE_FILES
        ],
    log:
        f"{RUN}/logs/make_tables.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        names=TABLE_NAMES,
        used=EXPERIMENT.used_datasets(),
        models=EXPERIMENT.trained(),
        trained_on={key: EXPERIMENT.data_of(key)[0] for key in TRAINED_HERE},
        trained_as={
            key: EXPERIMENT.trained_as(key)
            for key in [*EXPERIMENT.learned(), *EXPERIMENT.lossy_models()]
        },
        counterparts=get_counterparts(),
        published_as=EXPERIMENT.published_as(),
    script:
        "../scripts/make_tables.py"


# Photographs of which more and more scales are sampled.
if VISUALIZED:

    rule sample_scales:
        input:
            manifest=MANIFEST.format(dataset=VISUALIZED[1]),
            weights=WEIGHTS.format(model=VISUALIZED[0]),
        output:
            images=directory(f"{RUN}/pictures/samples"),
            rows=f"{RUN}/pictures/samples.csv",
        log:
            f"{RUN}/logs/sample_scales.log",
        benchmark:
            f"{RUN}/benchmarks/sample_scales.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=4000,
        params:
            model=VISUALIZED[0],
            dataset=VISUALIZED[1],
            images=EXPERIMENT.visualizations.images,
        script:
            "../scripts/sample_scales.py"


# Functions of l3c/bench/figures and of the configuration's `figures`, each drawn if this run has what
# it reads, and again if its module changes. `snakemake --cores all figure_bpsp` draws one.
for name in FIGURES:

    rule:
        name:
            f"figure_{name}"
        input:
            f"{RUN}/figures/{name}.svg",


rule plot_figure:
    input:
        unpack(get_figure_files),
        module=lambda wildcards: str(FIGURES[wildcards.figure].file),
        provenance=PROVENANCE,
    output:
        svg=report(
            f"{RUN}/figures/{{figure}}.svg",
            caption="../report/caption.rst",
            category="Figures",
            labels=lambda wildcards: {"content": FIGURES[wildcards.figure].title},
        ),
        png=f"{RUN}/figures/{{figure}}.png",
    log:
        f"{RUN}/logs/plot_figure/{{figure}}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        caption=lambda wildcards: FIGURES[wildcards.figure].caption,
        facts=FIGURE_FACTS,
    script:
        "../scripts/plot_figure.py"


rule execute_notebook:
    input:
        provenance=PROVENANCE,
        notebook=get_notebook,
        results=RESULTS,
    output:
        notebook=f"{RUN}/notebooks/{{notebook}}.ipynb",
        page=report(
            f"{RUN}/notebooks/{{notebook}}.html",
            caption="../report/notebook.rst",
            category="Notebooks",
            labels=get_notebook_labels,
        ),
    log:
        f"{RUN}/logs/execute_notebook/{{notebook}}.log",
    benchmark:
        f"{RUN}/benchmarks/execute_notebook/{{notebook}}.tsv"
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE  # one of them measures speed
    resources:
        mem_mb=4000,
    params:
        given=get_notebook_parameters(),
    script:
        "../scripts/execute_notebook.py"


# Pages that open from disk; of the matrix of cross-decoding they have what is there.
rule site:
    input:
        SITE,


rule make_site:
    input:
        provenance=PROVENANCE,
        results=RESULTS,
        captions=CAPTIONS,
        manifests=expand(MANIFEST, dataset=EXPERIMENT.evaluate.datasets),
        weights=[WEIGHTS.format(model=VISUALIZED[0])] if VISUALIZED else [],
    output:
        site=directory(SITE),  # not in the report: as HTML it takes no folders
    log:
        f"{RUN}/logs/make_site.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        figures=FIGURE_MODULES,
        also=CROSS_DECODING,
        state=get_matrix_state,
    script:
        "../scripts/make_site.py"
