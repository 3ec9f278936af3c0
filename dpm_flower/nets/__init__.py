"""Networks: backbones and where they can be cut, reconstructors, the Deep Poisoning Module, and the public networks as one value."""
