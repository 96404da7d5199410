# Learned methods: a recipe and a data set make weights, a card and a log of the training.


rule train_model:
    input:
        manifest=f"{RUN}/data/{EXPERIMENT.train}/manifest.csv",
    output:
        weights=f"{RUN}/models/{{model}}.safetensors",
        card=f"{RUN}/models/{{model}}.json",
        metrics=f"{RUN}/models/{{model}}.csv",
    log:
        f"{RUN}/logs/train_model/{{model}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_model/{{model}}.tsv"
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE
    resources:
        mem_mb=4000,
    params:
        recipe=get_recipe,
        # No output: Snakemake deletes those of a killed job, and training resumes from this one.
        checkpoint=f"{RUN}/checkpoints/{{model}}.pt",
    script:
        "../scripts/train_model.py"
