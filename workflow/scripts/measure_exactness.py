"""The matrix of exactness: every setting decodes what every other has encoded."""

import sys
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure import exactness
    from l3c.bench.measure.environment import environment, hardware
    from l3c.bench.measure.provenance import read_id, read_stamp
    from l3c.data.manifest import kept_images
    from l3c.whole_files import write_text

    chosen = snakemake.params.exactness
    images = exactness.crops(dict(kept_images(Path(snakemake.input.manifest))), chosen["crops"])
    tried = exactness.settings(chosen["interpreters"])
    if chosen["settings"] is not None:
        tried = [setting for setting in tried if setting.name in chosen["settings"]]
    cells = exactness.measure(
        Path(snakemake.input.weights), images, tried, lambda text: print(text, file=sys.stderr)
    )
    provenance = Path(snakemake.input.provenance)
    notes = [
        f"Model {chosen['model']}, crops of {chosen['dataset']}.",
        f"{hardware()}; {environment()}.",
        f"Provenance: {read_stamp(provenance)}.",
    ]
    write_text(Path(snakemake.output.csv), exactness.matrix_csv(cells, read_id(provenance)))
    markdown = exactness.matrix_markdown(cells, len(images), notes)
    write_text(Path(snakemake.output.markdown), markdown)
    wrong = [cell for cell in cells if cell.arithmetic == "integer" and cell.word != "exact"]
    wrong = [cell for cell in wrong if cell.counts]
    if wrong:
        first = wrong[0]
        raise SystemExit(
            f"integers are not exact: {len(wrong)} cells, the first: encoded with {first.encoder}, "
            f"decoded with {first.decoder}: {dict(first.counts)}"
        )
