"""The cross-decoding matrix: every setting decodes what every other has encoded."""

import sys
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure import cross_decoding
    from l3c.bench.measure.provenance import environment, hardware, read_id, read_stamp
    from l3c.bench.schema import write
    from l3c.data.manifest import kept_images
    from l3c.whole_files import write_text

    chosen = snakemake.params.matrix
    photos = dict(kept_images(Path(snakemake.input.manifest)))
    images = cross_decoding.crops(photos, chosen["crops"])
    tried = [
        setting
        for setting in cross_decoding.settings(chosen["interpreters"])
        if chosen["settings"] is None or setting.name in chosen["settings"]
    ]
    table = cross_decoding.measure(
        Path(snakemake.input.weights), images, tried, lambda text: print(text, file=sys.stderr)
    )
    provenance = Path(snakemake.input.provenance)
    notes = [
        f"Model {chosen['model']}, crops of {chosen['dataset']}.",
        f"{hardware()}; {environment()}.",
        f"Provenance: {read_stamp(provenance)}.",
    ]
    write(Path(snakemake.output.csv), table.assign(provenance=read_id(provenance)))
    markdown = cross_decoding.matrix_markdown(table, notes)
    write_text(Path(snakemake.output.markdown), markdown)
    inexact = table[(table.arithmetic == "integer") & (table.refused + table.wrong > 0)]
    if len(inexact):
        raise SystemExit(
            f"integers are not exact: {len(inexact)} cells, {inexact.iloc[0].to_dict()}"
        )
