# Rows -> all tables, published values beside ours; and what all tables and figures are made from.


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


rule make_tables:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/rows.csv",
        records=get_rows("json"),
        timing=get_timing_rows(),
        batches=get_batch_rows(),
        cost=get_cost_rows(),
        as_published=get_as_published(),
        manifests=get_manifests(),
        cards=get_cards(),
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
                if path in ["comparison.csv", "left_out.csv"]
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
        timed_on=EXPERIMENT.timed_dataset(),
        models=EXPERIMENT.trained(),
        trained_on={key: EXPERIMENT.trained_on(key) for key in TRAINED_HERE},
        trained_as={key: EXPERIMENT.trained_as(key) for key in EXPERIMENT.learned()},
        counterparts=get_counterparts(),
        published_as=EXPERIMENT.published_as(),
    script:
        "../scripts/make_tables.py"
