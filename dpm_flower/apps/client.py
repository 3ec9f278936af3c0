"""The client app of one entity: each kind of request, and the handler that answers it."""

from flwr.clientapp import ClientApp

from dpm_flower.federation import handlers

app = ClientApp()
app.query("identify")(handlers.identify)
app.train("pretrain")(handlers.pretrain_networks)
app.train("adopt")(handlers.adopt_networks)
app.train("contribute")(handlers.contribute_release)
app.train("refine")(handlers.refine_decider)
app.train("refine_shared")(handlers.refine_shared_decider)
app.train()(handlers.train_averaging)
app.evaluate("decider")(handlers.evaluate_arm)
