"""A step from an image set to the crops that training reads, by the rule that runs it."""

from pathlib import Path

from l3c.workflow.job import job


def fetch_images(rule):
    """One image set of the catalogue: downloaded, unpacked, listed."""
    from l3c.data.fetching import fetch_set
    from l3c.data.sources import ImageSet

    fetch_set(ImageSet(**rule.params.image_set), Path(rule.output.files).parent)


def build_dataset(rule):
    """One data set: images as PNG below images/, and their manifest."""
    from l3c.data.datasets import DatasetSpec, build_dataset

    spec = DatasetSpec.model_validate(rule.params.spec)
    build_dataset(spec, Path(rule.output.manifest).parent)


def build_store(rule):
    """The training images as raw pixels, from which crops are read without decoding."""
    from l3c.data.images import store_of

    store_of(Path(rule.input.manifest), Path(rule.output.manifest).parent)


with job(snakemake):
    globals()[snakemake.rule](snakemake)
