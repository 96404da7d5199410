# What the integer path costs, a part of `all`; and the matrix of settings that decode each other's files,
# which takes minutes: `snakemake --cores all exactness`.


rule measure_cost:
    input:
        manifest=get_manifest,
        weights=f"{RUN}/models/{{model}}.safetensors",
    output:
        rows=f"{RUN}/integer/{{dataset}}/{{model}}.csv",
    log:
        f"{RUN}/logs/measure_cost/{{dataset}}/{{model}}.log",
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE
    resources:
        mem_mb=4000,
    script:
        "../scripts/measure_cost.py"


if EXACTNESS:

    rule exactness:
        input:
            EXACTNESS,

    rule measure_exactness:
        input:
            # Not measured again for another commit; the stamp is of the one it was measured with.
            provenance=ancient(PROVENANCE),
            manifest=f"{RUN}/data/{MATRIX.dataset}/manifest.csv",
            weights=f"{RUN}/models/{MATRIX.model}.safetensors",
        output:
            csv=f"{RUN}/exactness/matrix.csv",
            markdown=report(
                f"{RUN}/exactness/matrix.md",
                caption="../report/exactness.rst",
                category="Exactness",
                labels={"content": "encoder x decoder settings (Markdown)"},
            ),
        log:
            f"{RUN}/logs/measure_exactness.log",
        benchmark:
            f"{RUN}/benchmarks/measure_exactness.tsv"
        conda:
            "../../environment.yml"
        threads: EXCLUSIVE
        resources:
            mem_mb=4000,
        params:
            exactness=MATRIX.model_dump(),
        script:
            "../scripts/measure_exactness.py"
