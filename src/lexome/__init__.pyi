"""What `lexome` offers to type checkers; at run time `__init__.py` finds these names on first use."""

from lexome.api import BadInputError as BadInputError
from lexome.api import Basecall as Basecall
from lexome.api import Basecaller as Basecaller
from lexome.api import CalledRead as CalledRead
from lexome.api import CallSummary as CallSummary
from lexome.api import FileEvaluation as FileEvaluation
from lexome.api import LexomeError as LexomeError
from lexome.api import PoreConfig as PoreConfig
from lexome.api import RawRead as RawRead
from lexome.api import RunInfo as RunInfo
from lexome.api import SimulatedRead as SimulatedRead
from lexome.api import Skipped as Skipped
from lexome.api import SkippedWarning as SkippedWarning
from lexome.api import UsageError as UsageError
from lexome.api import bundled_levels as bundled_levels
from lexome.api import chemistry_of as chemistry_of
from lexome.api import choose_model as choose_model
from lexome.api import evaluate_reads as evaluate_reads
from lexome.api import load as load
from lexome.api import random_genome as random_genome
from lexome.api import read_calls as read_calls
from lexome.api import read_runs as read_runs
from lexome.api import read_signal as read_signal
from lexome.api import simulate_reads as simulate_reads
from lexome.api import write_calls as write_calls
from lexome.api import write_signal as write_signal
from lexome.models.plugins import Architecture as Architecture
from lexome.models.plugins import register as register

__version__: str
