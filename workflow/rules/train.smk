# Learned methods: a recipe and a data set make weights with their integers, a card and a learning curve.


rule copy_model:
    input:
        get_given_model,
    output:
        WEIGHTS,
        CARD,
    log:
        f"{RUN}/logs/copy_model/{{model}}.log",
    wildcard_constraints:
        model=one_of(EXPERIMENT.given()),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    script:
        "../scripts/copy_files.py"


rule train_model:
    input:
        unpack(get_training_data),
        family=get_family_file,
    output:
        weights=WEIGHTS,
        card=CARD,
        metrics=f"{RUN}/models/{{model}}.csv",
    log:
        f"{RUN}/logs/train_model/{{model}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_model/{{model}}.tsv"
    wildcard_constraints:
        model=one_of(TRAINED_HERE),
    priority: get_train_priority
    conda:
        "../../environment.yml"
    threads: get_train_threads
    resources:
        mem_mb=4000,
        gpu=1 if EXPERIMENT.device == "cuda" else 0,
    params:
        recipe=get_recipe,
        device=EXPERIMENT.device,
        # No output: Snakemake deletes those of a killed job, and training resumes from this one.
        checkpoint=f"{RUN}/checkpoints/{{model}}.pt",
    script:
        "../scripts/train_model.py"
