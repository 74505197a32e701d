from setuptools import Extension, setup

import pyffnn

setup(
    name="pyffnn-example-scorer",
    version="0.1",
    ext_modules=[Extension("scorer", ["scorer.c"], include_dirs=[pyffnn.get_include()])],
)
