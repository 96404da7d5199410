"""The compiled part of the package: the range coder, in Cython. All else is in pyproject.toml."""

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# No -march=native: the build must run, and give the same bytes, on every machine of its kind.
# For the same reason no fused multiply-add, which rounds once where a * b + c rounds twice, and
# which compilers use by default on some processors.
UNIX_FLAGS = ["-O3", "-ffp-contract=off"]


class BuildExtension(build_ext):
    """Adds flags where the compiler is gcc, clang or another that takes theirs."""

    def build_extensions(self) -> None:
        if self.compiler.compiler_type in ("unix", "mingw32"):
            for extension in self.extensions:
                extension.extra_compile_args.extend(UNIX_FLAGS)
        super().build_extensions()


EXTENSIONS = [
    Extension(
        "coder._range_coder",
        sources=["coder/_range_coder.pyx", "coder/lanes.c"],
        depends=[
            "coder/lanes.h",
            "coder/mixture_cdf.h",
            "coder/mixture_lanes.h",
            "coder/range_coder.h",
        ],
        include_dirs=["coder"],
    )
]

setup(
    ext_modules=cythonize(EXTENSIONS, language_level=3),
    cmdclass={"build_ext": BuildExtension},
)
