"""A trained model with its integer path: weights and card."""

from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.data.manifest import manifest_sha256
    from l3c.data.store import Store
    from l3c.integer.files import add_integer_path
    from l3c.zoo import load_network, read_model

    model = read_model(Path(snakemake.input.weights))
    network, _ = load_network(model)
    data_sha256 = manifest_sha256(Path(snakemake.input.manifest))
    images = Store(Path(snakemake.input.store).parent, data_sha256)
    add_integer_path(network, model.card, images, Path(snakemake.output.weights))
