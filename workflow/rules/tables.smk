# Rows -> the comparison, published values beside ours; and what all tables and figures are made from.


rule record_provenance:
    input:
        manifests=get_manifests(),
        cards=get_cards(),
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
        code=get_code_state(),
        configuration=get_configuration(),
        datasets=EXPERIMENT.used_datasets(),
        models=EXPERIMENT.trained(),
        in_integers=EXPERIMENT.in_integers(),
    script:
        "../scripts/record_provenance.py"


rule make_table:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/rows.csv",
        records=get_rows("json"),
        manifests=get_manifests(),
        cards=get_cards(),
        published=PUBLISHED,
    output:
        markdown=f"{RUN}/tables/comparison.md",
        csv=report(
            f"{RUN}/tables/comparison.csv",
            caption="../report/comparison.rst",
            category="Tables",
            labels={"content": "comparison (CSV)"},
        ),
        latex=f"{RUN}/tables/comparison.tex",
        rates=f"{RUN}/tables/rates.csv",
        left_out=report(
            f"{RUN}/tables/left_out.csv",
            caption="../report/left_out.rst",
            category="Tables",
            labels={"content": "images left out (CSV)"},
        ),
    log:
        f"{RUN}/logs/make_table.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        datasets=list(EXPERIMENT.evaluate.datasets),
        used=EXPERIMENT.used_datasets(),
        trained_on={key: EXPERIMENT.trained_on(key) for key in EXPERIMENT.trained()},
        trained=EXPERIMENT.trained(),
        counterparts=get_counterparts(),
        published_as=EXPERIMENT.published_as(),
    script:
        "../scripts/make_table.py"


rule make_paper_tables:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/rows.csv",
        records=get_rows("json"),
        timing=get_timing_rows(),
        batches=get_batch_rows(),
        manifests=expand(
            f"{RUN}/data/{{dataset}}/manifest.csv", dataset=[*get_counterparts()]
        ),
        cards=get_cards(),
        cut_from=get_timing_manifest,
        published=PUBLISHED,
    output:
        page=f"{RUN}/tables/paper/paper.md",
        markdown=expand(f"{RUN}/tables/paper/table{{number}}.md", number=PAPER_NUMBERS),
        csv=expand(f"{RUN}/tables/paper/table{{number}}.csv", number=PAPER_NUMBERS),
        latex=expand(f"{RUN}/tables/paper/table{{number}}.tex", number=PAPER_NUMBERS),
    log:
        f"{RUN}/logs/make_paper_tables.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        cut_from=EXPERIMENT.timed_dataset(),
        trained=EXPERIMENT.trained(),
        trained_as={key: EXPERIMENT.trained_as(key) for key in EXPERIMENT.learned()},
        counterparts=get_counterparts(),
        published_as=EXPERIMENT.published_as(),
    script:
        "../scripts/make_paper_tables.py"
