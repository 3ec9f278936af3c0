"""For all tests: one torch thread, since the tensors are small, and two threads that share a busy machine wait for each other; and
no cache of images, since no test writes to a user's own folder.
"""

import os

import torch

import dpm_flower.exchange  # noqa: F401  # before anybody imports gRPC, which reads only then what TLS it may speak

torch.set_num_threads(1)
os.environ["DPM_FLOWER_CACHE"] = "off"
