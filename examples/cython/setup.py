import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

import pyffnn

include = pyffnn.get_include()
extension = Extension(
    "skipgram._train", ["skipgram/_train.pyx"], include_dirs=[include, numpy.get_include()]
)
setup(
    name="pyffnn-example-skipgram",
    version="0.1",
    packages=["skipgram"],
    ext_modules=cythonize([extension], include_path=[include]),
)
