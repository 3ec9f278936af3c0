"""For all tests: one torch thread, since the tensors are small, and two threads that share a busy machine wait for each other; and
no cache of images, since no test writes to a user's own folder.
"""

import os

import torch

torch.set_num_threads(1)
os.environ["DPM_FLOWER_CACHE"] = "off"
