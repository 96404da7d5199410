# Rows: files of every method on every data set, decoded and compared; times; what else is measured of models.


rule measure_method:
    input:
        unpack(get_method_files),
        manifest=MANIFEST,
    output:
        rows=f"{RUN}/rows/{{dataset}}/{{method}}.csv",
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
        gpu=1 if EXPERIMENT.device == "cuda" else 0,
    params:
        method=get_method,
        available=is_available,
        repeats=EXPERIMENT.evaluate.repeats,
        device=EXPERIMENT.device,
    script:
        "../scripts/measure_method.py"


# Speed on crops of one size, by phase where a method has any.
rule time_method:
    input:
        unpack(get_method_files),
        manifest=get_timing_manifest,
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
        available=is_available,
        dataset=EXPERIMENT.timed_dataset(),
        timing=get_timing(),
    script:
        "../scripts/time_method.py"


rule time_batches:
    input:
        unpack(get_method_files),
        manifest=get_timing_manifest,
    output:
        rows=f"{RUN}/batches/{{method}}.csv",
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
        batches=get_batches(),
    script:
        "../scripts/time_method.py"


# Rates by the rules of the authors' release; bits by scale and channel.
rule measure_model:
    input:
        manifest=MANIFEST,
        weights=WEIGHTS,
    output:
        rows=f"{RUN}/{{measure}}/{{dataset}}/{{model}}.csv",
    log:
        f"{RUN}/logs/{{measure}}/{{dataset}}/{{model}}.log",
    wildcard_constraints:
        measure="as_published|bits",
    conda:
        "../../environment.yml"
    threads: 1  # nothing is timed
    resources:
        mem_mb=12000 if AS_PUBLISHED else 4000,
    params:
        images=EXPERIMENT.evaluate.bits_images,
    script:
        "../scripts/measure_model.py"


rule measure_lossy:
    input:
        manifest=MANIFEST,
        weights=get_lossy_weights,
    output:
        rows=f"{RUN}/lossy/{{dataset}}/{{lossy}}.csv",
        streams=directory(f"{RUN}/lossy/{{dataset}}/{{lossy}}"),
    log:
        f"{RUN}/logs/measure_lossy/{{dataset}}/{{lossy}}.log",
    benchmark:
        f"{RUN}/benchmarks/measure_lossy/{{dataset}}/{{lossy}}.tsv"
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE
    resources:
        mem_mb=4000,
    params:
        name=LOSSY.name if LOSSY else "",
        saved=LOSSY.saved if LOSSY else 0,
    script:
        "../scripts/measure_lossy.py"


rule collect_rows:
    input:
        rows=lambda wildcards: ROWS[wildcards.rows],
    output:
        rows=report(
            f"{RUN}/{{rows}}.csv",
            caption="../report/caption.rst",
            category="Rows",
            labels={"content": "{rows}.csv"},
        ),
    log:
        f"{RUN}/logs/collect_rows/{{rows}}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        caption=get_caption,
    script:
        "../scripts/collect_rows.py"
