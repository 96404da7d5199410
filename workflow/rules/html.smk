# What is read rather than used: tables as pages, and notebooks, executed once all else is there.


rule render_tables:
    input:
        tables=[str(Path(page).with_suffix(".md")) for page in TABLE_PAGES],
    output:
        pages=[
            report(
                page,
                caption=f"../report/{name}.rst",
                category="Tables",
                labels=get_page_labels(page),
            )
            for page, name in TABLE_PAGES.items()
        ],
    log:
        f"{RUN}/logs/render_tables.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    script:
        "../scripts/render_tables.py"


rule execute_notebook:
    input:
        provenance=PROVENANCE,
        notebook=get_notebook,
        results=RESULTS,
    output:
        notebook=f"{RUN}/notebooks/{{notebook}}.ipynb",
        page=report(
            f"{RUN}/notebooks/{{notebook}}.html",
            caption="../report/notebook.rst",
            category="Notebooks",
            labels=get_notebook_labels,
        ),
    log:
        f"{RUN}/logs/execute_notebook/{{notebook}}.log",
    benchmark:
        f"{RUN}/benchmarks/execute_notebook/{{notebook}}.tsv"
    conda:
        "../../environment.yml"
    threads: EXCLUSIVE  # one of them measures speed
    resources:
        mem_mb=4000,
    params:
        given=get_notebook_parameters(),
    script:
        "../scripts/execute_notebook.py"
