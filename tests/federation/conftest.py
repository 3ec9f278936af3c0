"""Settings of this package's tests."""

import torch

torch.set_num_threads(1)  # two threads take twice the time where tests share the machine with each other
