"""The native engine is built by cffi; everything else is in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["host/native/build_native.py:ffibuilder"])
