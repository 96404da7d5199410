# What a code host shows of the folder of a run: one page with the comparison, the figures, links to the rest.


rule make_results_page:
    input:
        provenance=PROVENANCE,
        rows=f"{RUN}/rows.csv",
        records=get_rows("json"),
        results=RESULTS,
        overview=OVERVIEW,
        captions=get_captions(),
    output:
        page=PAGE,
    log:
        f"{RUN}/logs/make_results_page.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
    params:
        labels=get_labels(),
    script:
        "../scripts/make_results_page.py"
