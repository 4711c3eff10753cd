"""lexome reads DNA with small, fast neural networks.

Importing the package imports nothing heavy: `lexome.load` and the other names of `lexome.api` are found on
first use. docs/python.md shows them.
"""

__version__ = "0.1.0"

_API = (
    *("BadInputError", "Basecall", "Basecaller", "CallSummary", "CalledRead", "FileEvaluation"),
    *("LexomeError", "PoreConfig", "RawRead", "RunInfo", "SimulatedRead", "Skipped", "SkippedWarning"),
    *("UsageError", "bundled_levels", "chemistry_of", "choose_model", "evaluate_reads", "load"),
    *("random_genome", "read_calls", "read_runs", "read_signal", "simulate_reads", "write_calls"),
    "write_signal",
)
_MODULES = {
    **dict.fromkeys(_API, "lexome.api"),
    **dict.fromkeys(("Corrected", "NotCorrected", "ReadCorrector", "load_corrector"), "lexome.api_correct"),
    **dict.fromkeys(("Architecture", "register"), "lexome.models.plugins"),
    **dict.fromkeys(("SequenceModel", "load_language_model"), "lexome.api_language"),
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'lexome' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
