# The paper's models by the rules of the authors' release, beside published values and beside our files.


if BY_RELEASE_RULES:

    rule measure_as_published:
        input:
            manifest=get_manifest,
            weights=f"{RUN}/models/{{model}}.safetensors",
        output:
            rows=f"{RUN}/as_published/{{dataset}}/{{model}}.csv",
        log:
            f"{RUN}/logs/measure_as_published/{{dataset}}/{{model}}.log",
        conda:
            "../../environment.yml"
        threads: EXCLUSIVE
        resources:
            mem_mb=12000,
        script:
            "../scripts/measure_as_published.py"
