"""For all tests: one torch thread. The tensors are small, and two threads that share a busy machine wait for each other."""

import torch

torch.set_num_threads(1)
