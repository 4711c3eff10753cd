"""lexome reads DNA with small, fast neural networks.

Importing the package imports nothing heavy: `lexome.load` and the other names below are found on first use.
"""

__version__ = "0.1.0"
