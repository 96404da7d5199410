"""One image set of the catalogue, or one archive: downloaded, unpacked, listed."""

from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.data.catalogue import ImageSet
    from l3c.data.fetching import fetch_set

    fetch_set(ImageSet(**snakemake.params.image_set), Path(snakemake.output.files).parent)
