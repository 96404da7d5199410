"""What tables and figures of a run are made from, as JSON."""

import json
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.measure.machine import versions
    from l3c.bench.measure.provenance import CodeState, Provenance, write_provenance
    from l3c.data.images import manifest_sha256

    params = snakemake.params

    def identity(key: str, path: Path) -> str:
        """Of the integers where there are any and they are measured, else of the float network."""
        card = json.loads(path.read_text(encoding="utf-8"))
        return (key in params.in_integers and card.get("integer_identity")) or card["identity"]

    manifests = zip(params.datasets, snakemake.input.manifests, strict=True)
    cards = zip(params.models, snakemake.input.cards, strict=True)
    provenance = Provenance(
        code=CodeState(**params.code),
        configuration=params.configuration,
        data={name: manifest_sha256(Path(path)) for name, path in manifests},
        models={key: identity(key, Path(path)) for key, path in cards},
        versions=versions(),
    )
    write_provenance(Path(snakemake.output.provenance), provenance)
