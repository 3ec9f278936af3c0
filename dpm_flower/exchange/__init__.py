"""The data plane: the pool that holds an entity's releases, and how pools get each other's."""

import os

# gRPC has no setting for the version of TLS, and accepts 1.2. It reads this variable once, as it is first imported, and only this
# package may import it: so the place is here. No certificate fits a suite that wants a pre-shared key, and TLS 1.3 has suites of its
# own: what is left is 1.3. Whether it is in force, exchange/tls13.py tries out.
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-PSK-CHACHA20-POLY1305"
os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # else every stranger's handshake is a line on the standard error
