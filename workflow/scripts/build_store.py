"""The training images as raw pixels, from which crops are read without decoding."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.data.manifest import kept_images, manifest_sha256
    from l3c.data.store import write_store

    manifest = Path(snakemake.input.manifest)
    folder = Path(snakemake.output.index).parent
    write_store(folder, kept_images(manifest), manifest_sha256(manifest))
