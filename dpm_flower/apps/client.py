"""The client app of one entity: each kind of request, and the handler that answers it."""

from collections.abc import Iterator

from flwr.app import Context
from flwr.clientapp import ClientApp

from dpm_flower.core.allocator import keep_freed_memory
from dpm_flower.core.compute import torch_threads
from dpm_flower.federation import handlers
from dpm_flower.federation.opening import study_of

app = ClientApp()
app.query("identify")(handlers.identify)
app.train("pretrain")(handlers.pretrain_networks)
app.train("adopt")(handlers.adopt_networks)
app.train("contribute")(handlers.contribute_release)
app.train("refine")(handlers.refine_decider)
app.train("refine_shared")(handlers.refine_shared_decider)
app.train()(handlers.train_averaging)
app.evaluate("decider")(handlers.evaluate_arm)


@app.lifespan()
def with_the_studys_threads(context: Context) -> Iterator[None]:
    """Every request from its first line to its last: torch's own number of threads follows the machine, and costs more than it gains."""
    keep_freed_memory()
    with torch_threads(study_of(context.run_config).threads):
        yield
