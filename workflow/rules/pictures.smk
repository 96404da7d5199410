# Photographs, and what a model makes of them: samples, heat maps of its bottlenecks, and where its bits go.

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

    rule plot_samples:
        input:
            provenance=PROVENANCE,
            images=f"{RUN}/pictures/samples",
            rows=f"{RUN}/pictures/samples.csv",
            published=PUBLISHED,
        output:
            svg=report(
                f"{RUN}/figures/samples.svg",
                caption="../report/samples.rst",
                category="Pictures",
                labels={"content": "samples given coarser scales"},
            ),
            png=f"{RUN}/figures/samples.png",
            csv=report(
                f"{RUN}/tables/samples.csv",
                caption="../report/samples.rst",
                category="Pictures",
                labels={"content": "samples given coarser scales (CSV)"},
            ),
        log:
            f"{RUN}/logs/plot_samples.log",
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=1000,
        params:
            label=get_labels()[PICTURED[0]],
        script:
            "../scripts/plot_samples.py"

    rule plot_heat_maps:
        input:
            provenance=PROVENANCE,
            manifest=f"{RUN}/data/{PICTURED[1]}/manifest.csv",
            weights=f"{RUN}/models/{PICTURED[0]}.safetensors",
        output:
            svg=report(
                f"{RUN}/figures/heat_maps.svg",
                caption="../report/heat_maps.rst",
                category="Pictures",
                labels={"content": "heat maps of the bottlenecks"},
            ),
            png=f"{RUN}/figures/heat_maps.png",
        log:
            f"{RUN}/logs/plot_heat_maps.log",
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=4000,
        params:
            label=get_labels()[PICTURED[0]],
            images=EXPERIMENT.pictures.images,
        script:
            "../scripts/plot_heat_maps.py"

    rule plot_cost_maps:
        input:
            provenance=PROVENANCE,
            manifest=f"{RUN}/data/{PICTURED[1]}/manifest.csv",
            weights=f"{RUN}/models/{PICTURED[0]}.safetensors",
        output:
            svg=report(
                f"{RUN}/figures/cost_maps.svg",
                caption="../report/cost_maps.rst",
                category="Pictures",
                labels={"content": "where the bits go"},
            ),
            png=f"{RUN}/figures/cost_maps.png",
        log:
            f"{RUN}/logs/plot_cost_maps.log",
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=4000,
        params:
            label=get_labels()[PICTURED[0]],
            images=EXPERIMENT.pictures.images,
        script:
            "../scripts/plot_cost_maps.py"
