import numpy as np
import pytest

from lexome.io.fastx_text import fasta_entry, fastq_entry
from lexome.io.hts import OutputHeader, mean_qscore


@pytest.fixture
def header(make_run) -> OutputHeader:
    return OutputHeader([make_run()], "fast@v1", 6, "1", "lexome")


def test_entries(header, make_call):
    call = make_call(bases=4, qualities=np.array([0, 7, 93, 120], np.uint8))
    name, *comment = fastq_entry(call, header).split("\n")[0].split("\t")
    assert name == f"@{call.read_id}"
    tags = {tag[:2]: tag[5:] for tag in comment}
    assert list(tags) == ["RG", "st", "DS", "qs", "ch", "PU", "DT"]
    assert tags["qs"] == f"{mean_qscore(call.qualities):g}"
    assert fastq_entry(call, header).split("\n")[1:] == [call.sequence, "+", "!(~~", ""]
    assert fasta_entry(call, header).split("\n") == [
        ">" + "\t".join([name[1:], *comment]),
        call.sequence,
        "",
    ]


def test_what_is_not_known(make_run, make_read, make_call):
    run = make_run(start_time_utc="", flow_cell="", extra={})
    header = OutputHeader([run], "fast@v1", 6, "1", "lexome")
    text = fasta_entry(make_call(info=make_read(run=run).info), header)
    assert "\tst:Z:" not in text
    assert "\tPU:Z:unknown\tDT:Z:unknown\n" in text
