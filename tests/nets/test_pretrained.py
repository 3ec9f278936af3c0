import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.streams import stream
from dpm_flower.nets.backbones import build_backbone, published_weights
from dpm_flower.nets.pretrained import load_weights

NAME = "resnet20"


def network(seed: int = 0, classes: int = 4, name: str = NAME) -> nn.Module:
    return build_backbone(name, classes, stream(seed))


def state(seed: int = 1, classes: int = 4, name: str = NAME) -> dict[str, torch.Tensor]:
    return network(seed, classes, name).state_dict()


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def write(path, tensors):
    if path.suffix == ".pth":
        torch.save(tensors, path)
    else:
        save_file({key: tensor.clone() for key, tensor in tensors.items()}, path)
    return str(path)


@pytest.mark.parametrize("file", ["w.pth", "w.safetensors"])
def test_the_backbone_holds_the_weights_of_the_file(tmp_path, file):
    backbone = network()
    load_weights(backbone, NAME, write(tmp_path / file, state()))
    assert same(backbone.state_dict(), state())


@pytest.mark.parametrize("name", ["resnet20", "vgg11-small", "densenet121-small"])
def test_the_classifier_stays_fresh_where_the_classes_differ(tmp_path, name):
    backbone, fresh, given = network(name=name), state(0, name=name), state(classes=7, name=name)
    head = {key: tensor for key, tensor in fresh.items() if key.startswith(("fc.", "classifier."))}
    assert len(head) == 2
    load_weights(backbone, name, write(tmp_path / "w.safetensors", given))
    assert same(backbone.state_dict(), given | head)


def test_old_files_know_no_counts_and_old_densenets_name_their_layers_otherwise(tmp_path):
    name = "densenet121-small"
    wanted = state(name=name)
    old = {key: tensor for key, tensor in wanted.items() if not key.endswith("num_batches_tracked")}
    for part in ("norm", "conv"):
        for number in ("1", "2"):
            old = {key.replace(f".{part}{number}.", f".{part}.{number}.") if "denselayer" in key else key: t for key, t in old.items()}
    assert any(".norm.1." in key for key in old)
    backbone = network(name=name)
    load_weights(backbone, name, write(tmp_path / "w.safetensors", old))
    assert same(backbone.state_dict(), wanted)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"conv1.weight": torch.zeros(16, 3, 7, 7)}, r"wanted 'conv1.weight' of shape \(16, 3, 3, 3\), got \(16, 3, 7, 7\)"),
        ({"conv1.weight": torch.zeros(16, 3, 3, 3).half()}, "wanted 'conv1.weight' of type torch.float32, got torch.float16"),
        ({"fc.weight": torch.zeros(4, 65)}, r"wanted 'fc.weight' of shape \(4, 64\), got \(4, 65\)"),
        ({"fc.weight": torch.zeros(7, 65), "fc.bias": torch.zeros(7)}, "'fc.weight' of shape"),
        ({"fc.bias": torch.zeros(7)}, "'fc.bias' of shape"),
        ({"bn1.running_mean": torch.full((16,), float("nan"))}, "finite values in 'bn1.running_mean'"),
        ({"stranger": torch.zeros(1)}, "got 'stranger' as well"),
        ({"conv1.weight": None}, "wanted a tensor 'conv1.weight', got none"),
        ({"fc.bias": None}, "wanted a tensor 'fc.bias', got none"),
    ],
)
def test_weights_of_another_network_are_refused_by_the_first_that_does_not_fit(tmp_path, change, reason):
    backbone = network()
    given = {key: tensor for key, tensor in (state() | change).items() if tensor is not None}
    with pytest.raises(SettingError, match=f"w.safetensors are not those of the backbone 'resnet20': .*{reason}"):
        load_weights(backbone, NAME, write(tmp_path / "w.safetensors", given))
    assert same(backbone.state_dict(), state(0))


class Executes:
    """What a pickle may do to its reader."""

    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind", Executes(), [1, 2], {"epoch": 3}, {1: torch.zeros(1)}, {"state_dict": {}}]
)
@pytest.mark.parametrize("file", ["w.pth", "w.safetensors"])
def test_a_file_that_holds_something_else_is_refused(tmp_path, capsys, content, file):
    path = tmp_path / file
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(DataError, match=f"wanted (a state dict|tensors by name) in .*{file}, got "):
        load_weights(network(), NAME, str(path))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("file", ["w.pth", "w.safetensors"])
def test_a_missing_file_is_refused(tmp_path, file):
    with pytest.raises(DataError, match=r"wanted a state dict in .*, got FileNotFoundError"):
        load_weights(network(), NAME, str(tmp_path / file))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Torch's own cache, empty and ours."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_published_weights_are_found_where_torch_keeps_them(cache):
    backbone, published = network(name="resnet18"), state(name="resnet18")
    write(cache / published_weights("resnet18").rpartition("/")[2], published)
    load_weights(backbone, "resnet18", "imagenet")
    assert same(backbone.state_dict(), published)


def test_published_weights_are_downloaded_and_checked_by_their_hash(cache, monkeypatch):
    asked = []

    def download(url, file, hash_prefix, progress):
        asked.append((url, hash_prefix, progress))
        torch.save(state(name="resnet18"), file)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    backbone = network(name="resnet18")
    for _ in range(2):
        load_weights(backbone, "resnet18", "imagenet")
    url = published_weights("resnet18")
    assert asked == [(url, url.rpartition("-")[2].removesuffix(".pth"), False)]
    assert same(backbone.state_dict(), state(name="resnet18"))


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("invalid hash value")])
def test_without_a_network_it_says_where_the_file_must_lie(cache, monkeypatch, error):
    def download(*_, **__):
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(DataError) as refusal:
        load_weights(network(name="resnet18"), "resnet18", "imagenet")
    url = published_weights("resnet18")
    assert url in str(refusal.value)
    assert str(error) in str(refusal.value)
    assert str(refusal.value).endswith(f"put it at {cache / url.rpartition('/')[2]}")


@pytest.mark.parametrize("name", ["resnet20", "resnet18-small"])
def test_other_stems_have_no_published_weights(cache, name):
    with pytest.raises(SettingError, match=f"got '{name}'"):
        load_weights(network(name=name), name, "imagenet")
