# Every method on every data set: files, decoded and compared, and one row for each.


rule measure_method:
    input:
        manifest=get_manifest,
        weights=get_weights,
        method_file=get_method_file,
    output:
        rows=f"{RUN}/rows/{{dataset}}/{{method}}.csv",
        record=f"{RUN}/rows/{{dataset}}/{{method}}.json",
        streams=directory(f"{RUN}/streams/{{dataset}}/{{method}}"),
    log:
        f"{RUN}/logs/measure_method/{{dataset}}/{{method}}.log",
    benchmark:
        f"{RUN}/benchmarks/measure_method/{{dataset}}/{{method}}.tsv"
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE
    resources:
        mem_mb=4000,
    params:
        method=get_method,
        repeats=EXPERIMENT.evaluate.repeats,
    script:
        "../scripts/measure_method.py"


rule collect_rows:
    input:
        rows=get_rows("csv"),
    output:
        rows=report(
            f"{RUN}/rows.csv",
            caption="../report/rows.rst",
            category="Rows",
            labels={"content": "one row per method and image (CSV)"},
        ),
    log:
        f"{RUN}/logs/collect_rows.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        kind="ResultRow",
    script:
        "../scripts/collect_rows.py"
