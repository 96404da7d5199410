# Notebooks, executed once all else is there, with pages that can be read without Jupyter.


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
            labels={"content": "{notebook}", "format": "HTML"},
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
