# Images as the methods see them: fetched where they are not here yet, prepared, checked, written as PNG,
# listed in a manifest.


localrules:
    fetch_images,


rule fetch_images:
    output:
        # The files beside it are no output: Snakemake would delete them when a download is interrupted.
        files=f"{EXPERIMENT.downloads}/{{images}}/files.csv",
    log:
        f"{EXPERIMENT.downloads}/{{images}}/fetch.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,  # a batch of downsampled ImageNet is read at once
    params:
        image_set=get_image_set,
    script:
        "../scripts/prepare_data.py"


rule build_dataset:
    input:
        files=get_fetched,
    output:
        # The images beside it are no output: Snakemake would delete them when a build is interrupted,
        # and the next one could not go on from them. The manifest holds a hash of each.
        manifest=MANIFEST,
    log:
        f"{RUN}/logs/build_dataset/{{dataset}}.log",
    benchmark:
        f"{RUN}/benchmarks/build_dataset/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE
    resources:
        mem_mb=8000,
    params:
        spec=get_dataset_spec,
        state=get_source_state,
    script:
        "../scripts/prepare_data.py"


rule build_store:
    input:
        manifest=MANIFEST,
    output:
        manifest=f"{RUN}/store/{{dataset}}/manifest.csv",
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
        "../scripts/prepare_data.py"
