# Rows -> figures, as SVG and PNG.


rule plot_bpsp:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/rows.csv",
        published=PUBLISHED,
    output:
        svg=report(
            f"{RUN}/figures/bpsp.svg",
            caption="../report/bpsp.rst",
            category="Figures",
            labels={"content": "bits per sub-pixel"},
        ),
        png=f"{RUN}/figures/bpsp.png",
    log:
        f"{RUN}/logs/plot_bpsp.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        published=EXPERIMENT.evaluate.published,
        learned=EXPERIMENT.learned(),
        published_as=EXPERIMENT.published_as(),
    script:
        "../scripts/plot_bpsp.py"


rule plot_speed:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/rows.csv",
    output:
        svg=report(
            f"{RUN}/figures/speed.svg",
            caption="../report/speed.rst",
            category="Figures",
            labels={"content": "rate against decoding time"},
        ),
        png=f"{RUN}/figures/speed.png",
    log:
        f"{RUN}/logs/plot_speed.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        learned=EXPERIMENT.learned(),
        repeats=EXPERIMENT.evaluate.repeats,
    script:
        "../scripts/plot_speed.py"


rule plot_training:
    input:
        provenance=PROVENANCE,
        metrics=expand(f"{RUN}/models/{{model}}.csv", model=EXPERIMENT.trained()),
    output:
        svg=report(
            f"{RUN}/figures/training.svg",
            caption="../report/training.rst",
            category="Figures",
            labels={"content": "learning curves"},
        ),
        png=f"{RUN}/figures/training.png",
    log:
        f"{RUN}/logs/plot_training.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        labels=get_labels(),
        kinds=get_kinds(),
    script:
        "../scripts/plot_training.py"


rule plot_stages:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/timing.csv",
    output:
        svg=report(
            f"{RUN}/figures/stages.svg",
            caption="../report/stages.rst",
            category="Figures",
            labels={"content": "where the time goes"},
        ),
        png=f"{RUN}/figures/stages.png",
    log:
        f"{RUN}/logs/plot_stages.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    script:
        "../scripts/plot_stages.py"


rule plot_batches:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/batches.csv",
        published=PUBLISHED,
    output:
        svg=report(
            f"{RUN}/figures/batches.svg",
            caption="../report/batches.rst",
            category="Figures",
            labels={"content": "time by batch size"},
        ),
        png=f"{RUN}/figures/batches.png",
    log:
        f"{RUN}/logs/plot_batches.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    script:
        "../scripts/plot_batches.py"
