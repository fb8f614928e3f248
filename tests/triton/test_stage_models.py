"""Model `ecgdigit` whose networks run as stage models of the same server.

The server of these tests lacks Triton's ONNX Runtime backend. Python models run the same graphs instead, with
the names and ports of the repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import triton_server

from ecgdigit_rt import Digitizer
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.formats.signal_table import signal_table
from ecgdigit_rt.triton.python_model import STAGE_MODELS

grpc = pytest.importorskip("tritonclient.grpc", reason="the extra `dev` has tritonclient")

RequestError = pytest.importorskip("tritonclient.utils").InferenceServerException

PAGE = Path(__file__).parents[2] / "examples" / "000003_photo.jpg"
UNAVAILABLE = triton_server.unavailable_reason()
PYTHON_STAGE_MODEL = """
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        path = f"{args['model_repository']}/{args['model_version']}/model.onnx"
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def execute(self, requests):
        responses = []
        for request in requests:
            feeds = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
            values = self.session.run(self.names, feeds)
            tensors = [pb_utils.Tensor(*pair) for pair in zip(self.names, values)]
            responses.append(pb_utils.InferenceResponse(tensors))
        return responses
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton_server.Server]:
    if UNAVAILABLE:
        pytest.skip(UNAVAILABLE)
    work = tmp_path_factory.mktemp("stages")
    environment = triton_server.create_environment(work / "environment")
    models = work / "models"
    command = ["deploy", "triton", "--out", str(models), "--environment", str(environment)]
    assert exit_code([*command, "--networks", "stage-models"]) == 0
    value = f'{{ string_value: "{environment}" }}'
    entry = f'parameters {{ key: "EXECUTION_ENV_PATH" value {value} }}\n'
    for name in STAGE_MODELS.values():
        config = models / name / "config.pbtxt"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace('platform: "onnxruntime_onnx"', 'backend: "python"') + entry)
        (models / name / "1" / "model.py").write_text(PYTHON_STAGE_MODEL)
    names = [*STAGE_MODELS.values(), "ecgdigit"]
    with triton_server.serve(models, work, names) as running:
        yield running


def test_networks_run_as_stage_models(server: triton_server.Server) -> None:
    image = grpc.InferInput("image", [1, 1], "BYTES")
    image.set_data_from_numpy(np.array([[PAGE.read_bytes()]], object))
    expected = signal_table(Digitizer(backend="onnxruntime", precision="fp32").digitize(PAGE)).T
    with grpc.InferenceServerClient(server.grpc) as client:
        signals = client.infer("ecgdigit", [image]).as_numpy("signals_mv")[0]
        np.testing.assert_allclose(signals, expected, rtol=0, atol=1e-6)
        for name in STAGE_MODELS.values():
            (statistics,) = client.get_inference_statistics(name).model_stats
            assert statistics.inference_count > 0, name
        client.unload_model("ecgdigit_trace")
        with pytest.raises(RequestError, match="E-TRITON-01 trace: Triton model ecgdigit_trace failed"):
            client.infer("ecgdigit", [image])
        assert client.is_model_ready("ecgdigit")
        client.load_model("ecgdigit_trace")
        assert client.infer("ecgdigit", [image]).as_numpy("signals_mv").shape[1] == expected.shape[0]
