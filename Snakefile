# The whole comparison: `snakemake --cores all` prepares images, trains the models, measures every
# method on every image, and writes tables and figures below the `run` folder of the configuration.
#
#   snakemake -n                                        what would run, and why
#   snakemake --cores all --configfile mine.yaml        your own data sets, models, methods
#   snakemake --cores all site                          the pages of results: <run>/site/index.html
#   snakemake --cores all reference                     then copy the results to results/reference/
#   snakemake --report report.html                      one page with tables, figures, run times

from snakemake.utils import min_version

min_version("9.0")


# Kept beside the Snakefile, so that `snakemake --directory elsewhere` finds it too.
configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/show.smk"
include: "workflow/rules/reference.smk"


onstart:
    hold_folder()


rule all:
    default_target: True
    input:
        RESULTS,
        NOTEBOOKS,
        SITE,
