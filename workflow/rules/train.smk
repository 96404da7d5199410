# Learned methods: a recipe and a data set make weights with their integers, a card and a learning curve.


rule build_store:
    input:
        manifest=get_manifest,
    output:
        index=f"{RUN}/store/{{dataset}}/index.json",
    log:
        f"{RUN}/logs/build_store/{{dataset}}.log",
    benchmark:
        f"{RUN}/benchmarks/build_store/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
    script:
        "../scripts/build_store.py"


rule copy_model:
    input:
        unpack(get_given_model),
    output:
        weights=f"{RUN}/models/{{model}}.safetensors",
        card=f"{RUN}/models/{{model}}.json",
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
        "../scripts/copy_model.py"


rule train_model:
    input:
        manifest=get_training_manifest,
        store=get_store,
        validation=get_validation,
        family=get_family_file,
    output:
        weights=f"{RUN}/models/{{model}}.safetensors",
        card=f"{RUN}/models/{{model}}.json",
        metrics=f"{RUN}/models/{{model}}.csv",
    log:
        f"{RUN}/logs/train_model/{{model}}.log",
    benchmark:
        f"{RUN}/benchmarks/train_model/{{model}}.tsv"
    wildcard_constraints:
        model=one_of(TRAINED_HERE),
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
        # Written if the configuration says so, see the script; TensorBoard reads it meanwhile.
        tensorboard=f"{RUN}/tensorboard/{{model}}",
    script:
        "../scripts/train_model.py"
