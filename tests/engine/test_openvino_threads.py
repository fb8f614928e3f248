"""OpenVINO in several threads: the first calls do not wait for each other forever."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST_CALLS = """
import sys, threading
import numpy as np
from ecgdigit_engine.backends.backend import ExecutionOptions
from ecgdigit_engine.backends.openvino import OpenVino
from ecgdigit_engine.device import CPU
from ecgdigit_rt.models import load_models

sys.setswitchinterval(1e-6)  # threads alternate as often as possible
runner = OpenVino().open_stage(load_models().graphs["grid"], ExecutionOptions(CPU, "fp32", 1, 4))
pixels, ready = np.zeros((1, 64, 64, 3), np.uint8), threading.Barrier(4)

def call():
    ready.wait()
    runner.run({"pixels": pixels})

threads = [threading.Thread(target=call) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_calls_of_threads_do_not_block_each_other() -> None:
    pytest.importorskip("openvino")
    for _ in range(8):  # without the preparation, half of the processes never end
        subprocess.run([sys.executable, "-c", FIRST_CALLS], check=True, timeout=120)
