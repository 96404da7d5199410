# Tables -> figures, as SVG and PNG: the functions of l3c/bench/figures, each drawn if this run has what it reads.


rule plot_figure:
    input:
        unpack(get_figure_files),
        provenance=PROVENANCE,
    output:
        svg=report(
            f"{RUN}/figures/{{figure}}.svg",
            caption="../report/caption.rst",
            category="Figures",
            labels=get_figure_labels,
        ),
        png=f"{RUN}/figures/{{figure}}.png",
    log:
        f"{RUN}/logs/plot_figure/{{figure}}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        caption=get_figure_caption,
        facts=get_figure_facts(),
    script:
        "../scripts/plot_figure.py"


# Bits by scale and channel: what the models would spend on the first data set that one is measured on.
if BITS_DATASET:

    rule measure_bits:
        input:
            manifest=f"{RUN}/data/{BITS_DATASET}/manifest.csv",
            weights=expand(
                f"{RUN}/models/{{model}}.safetensors",
                model=EXPERIMENT.measured_models(BITS_DATASET),
            ),
        output:
            csv=report(
                f"{RUN}/bits.csv",
                caption="../report/bits.rst",
                category="Rows",
                labels={"content": "bits by scale and channel (CSV)"},
            ),
        log:
            f"{RUN}/logs/measure_bits.log",
        benchmark:
            f"{RUN}/benchmarks/measure_bits.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=4000,
        params:
            models=EXPERIMENT.measured_models(BITS_DATASET),
            dataset=BITS_DATASET,
            images=EXPERIMENT.evaluate.bits_images,
        script:
            "../scripts/measure_bits.py"


# Photographs of which more and more scales are sampled, and what is stored of each beside the paper's example.
if PICTURED:

    rule sample_scales:
        input:
            manifest=f"{RUN}/data/{PICTURED[1]}/manifest.csv",
            weights=f"{RUN}/models/{PICTURED[0]}.safetensors",
        output:
            images=directory(f"{RUN}/pictures/samples"),
            rows=f"{RUN}/pictures/samples.csv",
        log:
            f"{RUN}/logs/sample_scales.log",
        benchmark:
            f"{RUN}/benchmarks/sample_scales.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=4000,
        params:
            model=PICTURED[0],
            dataset=PICTURED[1],
            images=EXPERIMENT.pictures.images,
        script:
            "../scripts/sample_scales.py"

    rule make_sample_table:
        input:
            provenance=PROVENANCE,
            rows=f"{RUN}/pictures/samples.csv",
            published=PUBLISHED,
        output:
            csv=report(
                f"{RUN}/tables/samples.csv",
                caption="../report/samples.rst",
                category="Tables",
                labels={"content": "samples given coarser scales (CSV)"},
            ),
        log:
            f"{RUN}/logs/make_sample_table.log",
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=500,
        script:
            "../scripts/make_sample_table.py"
