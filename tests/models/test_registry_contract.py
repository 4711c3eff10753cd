"""What every registered encoder promises, for all small configurations of `registry_examples`."""

import runpy
from pathlib import Path

import pytest

from lexome.models.costs import network_costs
from lexome.models.registry import ENCODERS
from lexome.tasks.bench import contract
from lexome.tasks.bench.contract import Case

_examples = runpy.run_path(str(Path(__file__).with_name("registry_examples.py")))
EXAMPLES, NO_ONNX = _examples["EXAMPLES"], _examples["NO_ONNX"]
_costs = runpy.run_path(str(Path(__file__).with_name("registry_costs.py")))
COSTS, NO_FORMULA = _costs["COSTS"], _costs["NO_FORMULA"]
CASES = [(name, i) for name, configs in sorted(EXAMPLES.items()) for i in range(len(configs))]
every_example = pytest.mark.parametrize(("name", "number"), CASES)
PROMISES = [name for name in contract.PROMISES if name != "onnxruntime"]


def case_of(name: str, number: int) -> Case:
    head = {"name": "consensus" if name == "deepconsensus" else "ctc", "config": {}}
    return Case({"name": name, "config": EXAMPLES[name][number]}, head)


def test_every_encoder_has_examples() -> None:
    assert set(EXAMPLES) == set(ENCODERS)
    assert all(EXAMPLES.values())
    assert set(NO_ONNX) <= set(CASES), "NO_ONNX names examples that do not exist"
    assert set(COSTS) == set(ENCODERS)
    assert set(NO_FORMULA) <= set(CASES), "NO_FORMULA names examples that do not exist"


@every_example
@pytest.mark.parametrize("promise", PROMISES)
def test_every_encoder_keeps(promise: str, name: str, number: int) -> None:
    if promise == "scaling to data" and name == "deepconsensus":
        pytest.skip("scaled by its own initialisation, never to data")
    assert not contract.PROMISES[promise](case_of(name, number)).startswith("- ")


@every_example
def test_onnxruntime_gives_what_torch_gives(name: str, number: int, request: pytest.FixtureRequest) -> None:
    if (name, number) in NO_ONNX:
        request.applymarker(pytest.mark.xfail(strict=True, reason=NO_ONNX[name, number]))
    contract.onnx(case_of(name, number))


@every_example
@pytest.mark.parametrize("samples", [150, 480])
def test_parameters_and_products_are_those_worked_out_by_hand(
    name: str, number: int, samples: int, request: pytest.FixtureRequest
) -> None:
    if (name, number) in NO_FORMULA:
        request.applymarker(pytest.mark.xfail(strict=True, reason=NO_FORMULA[name, number]))
    network = case_of(name, number).network()
    counted = network_costs(network, samples)
    steps = counted.samples // network.stride
    head = _costs["ctc_head"](int(network.encoder.num_features), steps)  # type: ignore[arg-type]
    parameters, macs = _costs["total"](COSTS[name](EXAMPLES[name][number], counted.samples), head)
    assert (counted.parameters, counted.macs) == (parameters, macs)
    assert counted.uncounted == ()
