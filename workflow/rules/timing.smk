# Speed: methods on crops of one size, by stage where they have any; models by batch size.


rule time_method:
    input:
        manifest=get_timing_manifest,
        weights=get_weights,
        method_file=get_method_file,
    output:
        rows=f"{RUN}/timing/{{method}}.csv",
    log:
        f"{RUN}/logs/time_method/{{method}}.log",
    benchmark:
        f"{RUN}/benchmarks/time_method/{{method}}.tsv"
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE
    resources:
        mem_mb=4000,
    params:
        method=get_method,
        timing=get_timing,
    script:
        "../scripts/time_method.py"


rule collect_timing:
    input:
        rows=expand(f"{RUN}/timing/{{method}}.csv", method=EXPERIMENT.timed()),
    output:
        rows=report(
            f"{RUN}/timing.csv",
            caption="../report/timing.rst",
            category="Rows",
            labels={"content": "one row per crop, run and stage (CSV)"},
        ),
    log:
        f"{RUN}/logs/collect_timing.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        kind="TimingRow",
    script:
        "../scripts/collect_rows.py"


rule time_batches:
    input:
        manifest=get_timing_manifest,
        weights=get_weights,
    output:
        rows=f"{RUN}/timing/batches/{{method}}.csv",
    log:
        f"{RUN}/logs/time_batches/{{method}}.log",
    benchmark:
        f"{RUN}/benchmarks/time_batches/{{method}}.tsv"
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE
    resources:
        mem_mb=4000,
    params:
        method=get_method,
        dataset=EXPERIMENT.timed_dataset(),
        batches=get_batches,
    script:
        "../scripts/time_batches.py"


rule collect_batches:
    input:
        rows=expand(f"{RUN}/timing/batches/{{method}}.csv", method=EXPERIMENT.batched()),
    output:
        rows=report(
            f"{RUN}/batches.csv",
            caption="../report/batch_rows.rst",
            category="Rows",
            labels={"content": "one row per batch and run (CSV)"},
        ),
    log:
        f"{RUN}/logs/collect_batches.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        kind="BatchRow",
    script:
        "../scripts/collect_rows.py"
