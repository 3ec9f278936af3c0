from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

import dpm_flower
from dpm_flower.core.errors import PeerError
from dpm_flower.exchange import exchange_pb2
from dpm_flower.exchange.exchange_pb2 import FetchRequest
from dpm_flower.exchange.messages import SERVICE, only, parsed, path

ROOT = Path(dpm_flower.__file__).parents[1]
PROTO = "dpm_flower/exchange/exchange.proto"


def test_the_generated_modules_are_those_of_the_proto_file(tmp_path):
    """Else: make proto."""
    out = tmp_path / "descriptor"
    assert protoc.main(["protoc", f"-I{ROOT}", f"--descriptor_set_out={out}", f"--pyi_out={tmp_path}", str(ROOT / PROTO)]) == 0
    (described,) = FileDescriptorSet.FromString(out.read_bytes()).file
    for field in (field for message in described.message_type for field in message.field):
        field.ClearField("json_name")  # which the generated module leaves out
    assert described.SerializeToString() == exchange_pb2.DESCRIPTOR.serialized_pb
    assert (tmp_path / PROTO).with_name("exchange_pb2.pyi").read_text() == (ROOT / PROTO).with_name("exchange_pb2.pyi").read_text()


def test_calls_are_named_as_in_the_proto_file():
    (service,) = exchange_pb2.DESCRIPTOR.services_by_name.values()
    assert service.full_name == SERVICE
    assert [path(call) for call in service.methods_by_name] == [f"/{SERVICE}/{method.name}" for method in service.methods]


def test_a_message_is_read_back():
    message = FetchRequest(digest="a" * 64, position=3, offset=2**40)
    assert parsed(FetchRequest, message.SerializeToString()) == message
    assert only(FetchRequest, iter([message.SerializeToString()])) == message


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x05abc", b"\x0a\x02\xff\xfe"])
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(PeerError, match="wanted a FetchRequest"):
        parsed(FetchRequest, data)


def test_no_message_is_refused():
    with pytest.raises(PeerError, match="wanted a FetchRequest, got nothing"):
        only(FetchRequest, iter([]))
