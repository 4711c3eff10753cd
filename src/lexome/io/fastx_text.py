"""A called read as text: an entry of FASTQ or FASTA, with the tags that dorado keeps there."""

import numpy as np

from lexome.core.records import Basecall
from lexome.io.hts import MAX_PHRED, OutputHeader, experiment_start, mean_qscore, printable, read_start


def fastq_entry(call: Basecall, header: OutputHeader) -> str:
    """The four lines of a call in FASTQ."""
    letters = (np.minimum(call.qualities, MAX_PHRED).astype(np.uint8) + 33).tobytes().decode("ascii")
    return f"@{printable(call.read_id)}\t{_comment(call, header)}\n{call.sequence}\n+\n{letters}\n"


def fasta_entry(call: Basecall, header: OutputHeader) -> str:
    """The two lines of a call in FASTA."""
    return f">{printable(call.read_id)}\t{_comment(call, header)}\n{call.sequence}\n"


def _comment(call: Basecall, header: OutputHeader) -> str:
    """The tags that dorado keeps in FASTQ; aligners copy them into their output (`minimap2 -y`)."""
    start = read_start(call)
    tags = [
        f"RG:Z:{header.read_group_of(call)}",
        *([f"st:Z:{start}"] if start else []),
        f"DS:Z:{printable(header.group_description(call.run))}",
        f"qs:f:{mean_qscore(call.qualities):g}",
        f"ch:i:{call.info.channel}",
        f"PU:Z:{printable(call.run.flow_cell or 'unknown')}",
        f"DT:Z:{printable(experiment_start(call.run) or 'unknown')}",
    ]
    return "\t".join(tags)
