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

    rule plot_bits:
        input:
            provenance=PROVENANCE,
            csv=f"{RUN}/bits.csv",
        output:
            svg=report(
                f"{RUN}/figures/bits.svg",
                caption="../report/bits.rst",
                category="Figures",
                labels={"content": "bits by scale and channel"},
            ),
            png=f"{RUN}/figures/bits.png",
        log:
            f"{RUN}/logs/plot_bits.log",
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=500,
        params:
            labels=get_labels(),
        script:
            "../scripts/plot_bits.py"
