# Images as the methods see them: prepared, checked, written as PNG, listed in a manifest.


rule build_dataset:
    output:
        # The images beside it are no output: Snakemake would delete them when a build is interrupted,
        # and the next one could not go on from them. The manifest holds a hash of each.
        manifest=f"{RUN}/data/{{dataset}}/manifest.csv",
    log:
        f"{RUN}/logs/build_dataset/{{dataset}}.log",
    benchmark:
        f"{RUN}/benchmarks/build_dataset/{{dataset}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        spec=get_dataset_spec,
        state=get_source_state,
    script:
        "../scripts/build_dataset.py"
