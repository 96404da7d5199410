"""What pyproject.toml cannot say: the range coder in Cython, and the models that come along."""

import sysconfig
from pathlib import Path
from shutil import copyfile

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

# No -march=native: the build must run, and give the same bytes, on every machine of its kind.
# For the same reason no fused multiply-add, which rounds once where a * b + c rounds twice, and
# which compilers use by default on some processors.
# Nobody looks at the flags that floating-point operations set; without them more loops become
# vectors, with the same results.
UNIX_FLAGS = ["-O3", "-g0", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno"]
# Of Microsoft's compiler, which fuses nothing under /fp:precise.
MICROSOFT_FLAGS = ["/O2", "/fp:precise", "/FIno_attributes.h"]
# Wheels keep to Python's limited API, so that one serves this version and all later ones.
# (Free-threaded Python has no such API.)
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")


class BuildExtension(build_ext):
    """Adds flags of the compiler, and chooses between Python's APIs."""

    def finalize_options(self) -> None:
        super().finalize_options()
        for extension in self.extensions:
            # In place, names carry Python's version: no older build is in their way.
            extension.py_limited_api = LIMITED and not self.inplace
            if extension.py_limited_api:
                extension.define_macros.append(("Py_LIMITED_API", "0x030B0000"))

    def build_extensions(self) -> None:
        flags = MICROSOFT_FLAGS if self.compiler.compiler_type == "msvc" else UNIX_FLAGS
        for extension in self.extensions:
            extension.extra_compile_args.extend(flags)
        super().build_extensions()


# Networks of the paper's size, 30 MB, are for the benchmark; they stay in the repository.
BENCHMARKED = ("l3c", "rgb", "rgb-shared")


class BuildPython(build_py):
    """Puts models/ into the package as l3c/released, where l3c.models.zoo finds it."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # a checkout keeps its models/
            return
        target = Path(self.build_lib, "l3c", "released")
        self.mkpath(str(target))
        for source in Path("models").iterdir():
            packed = source.suffix in (".json", ".safetensors", ".tsv")
            if packed and source.stem not in BENCHMARKED:
                copyfile(source, target / source.name)


EXTENSIONS = [
    Extension(
        "coder._range_coder",
        sources=["coder/_range_coder.pyx", "coder/lanes.c"],
        depends=[
            "coder/clones.h",
            "coder/elementary.h",
            "coder/lanes.h",
            "coder/mixture_cdf.h",
            "coder/mixture_lanes.h",
            "coder/mixture_steps.h",
            "coder/range_coder.h",
        ],
        include_dirs=["coder"],
    ),
    Extension(
        "coder._causal",
        sources=[
            "coder/_causal.pyx",
            "coder/causal.c",
            "coder/causal_dense.c",
            "coder/causal_fit.c",
            "coder/causal_loss.c",
            "coder/lanes.c",
        ],
        depends=[
            "coder/causal.h",
            "coder/causal_dense.h",
            "coder/causal_features.h",
            "coder/causal_loss.h",
            "coder/causal_tiles.h",
            "coder/clones.h",
            "coder/elementary.h",
            "coder/lanes.h",
            "coder/mixture_cdf.h",
            "coder/mixture_lanes.h",
            "coder/mixture_steps.h",
            "coder/range_coder.h",
            "coder/sha256.h",
        ],
        include_dirs=["coder"],
    ),
    Extension(
        "coder._mixture_loss",
        sources=["coder/_mixture_loss.pyx", "coder/mixture_loss.c"],
        depends=["coder/clones.h", "coder/elementary.h", "coder/mixture_loss.h"],
        include_dirs=["coder"],
    ),
    Extension(
        "coder._volume",
        sources=["coder/_volume.pyx", "coder/volume.c"],
        depends=["coder/volume.h", "coder/range_coder.h"],
        include_dirs=["coder"],
    ),
]

setup(
    ext_modules=cythonize(EXTENSIONS, language_level=3),
    cmdclass={"build_ext": BuildExtension, "build_py": BuildPython},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
)
