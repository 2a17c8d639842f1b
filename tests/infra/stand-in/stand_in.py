"""A stand-in for Terraform's Google provider: the real argument schema, and no Google behind it.

Terraform starts it like any provider (protocol 6 over gRPC) and then checks the configuration as it would with
hashicorp/google: unknown arguments, missing ones, wrong types, blocks that come too often. On top of that it
refuses values that the provider's documentation does not list, replaces what Google can't change (IMMUTABLE), and
refuses to delete what is protected against it. `plan` marks what Google would fill in as
unknown; `apply` fills it with recognisable values. It knows no permissions, quotas or existing resources.
"""
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
# Compiled in memory: nothing generated has to be kept beside the definition.
pb, _ = grpc.protos_and_services("tfplugin6.proto")

from values import filled, holes, pack, unpack  # noqa: E402

SERVICE = "tfplugin6.Provider"
NESTING = {"single": 1, "list": 2, "set": 3}
# What the provider replaces when one of these changes. Not all: those whose loss hurts.
IMMUTABLE = {
    "google_bigquery_dataset": ("dataset_id", "location"),
    "google_cloud_run_v2_service": ("name", "location"),
    "google_pubsub_subscription": ("name", "topic", "filter"),
    "google_secret_manager_secret": ("secret_id", "replication"),
    "google_storage_bucket": ("name", "location"),
}
TYPES = {
    "list string": ["list", "string"], "set string": ["set", "string"], "map string": ["map", "string"],
    "list number": ["list", "number"], "set number": ["set", "number"],
}


def attribute(name, text):
    use, _, _ = text.partition(": ")
    words = use.split()
    flags = {word: True for word in words if word in ("required", "optional", "computed")}
    kind = " ".join(word for word in words if word not in flags)
    return pb.Schema.Attribute(
        name=name,
        type=json.dumps(TYPES.get(kind, kind)).encode(),
        # The Google provider names its write-only arguments so; they never come back from it.
        write_only=name.endswith("_wo"),
        sensitive=name.endswith("_wo"),
        **flags,
    )


def block(schema):
    return pb.Schema.Block(
        attributes=[attribute(name, text) for name, text in schema["attributes"].items()],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                block=block(nested),
                nesting=NESTING[nested["nesting"]],
                # A single block has neither bound in the protocol.
                min_items=0 if nested["nesting"] == "single" else nested.get("at_least", 0),
                max_items=0 if nested["nesting"] == "single" else nested.get("at_most", 0),
            )
            for name, nested in schema["blocks"].items()
        ],
    )


def refused(schema, value, path=()):
    """Values that the provider's documentation does not list, each as a diagnostic."""
    for name, text in schema["attributes"].items():
        _, _, allowed = text.partition(": ")
        given = value.get(name)
        if allowed and isinstance(given, str) and given not in allowed.split("|"):
            yield pb.Diagnostic(
                severity=1,
                summary=f"expected {name} to be one of [{allowed.replace('|', ', ')}], got {given}",
                attribute=steps(*path, name),
            )
    for name, nested in schema["blocks"].items():
        inner = value.get(name)
        if nested["nesting"] == "single" and isinstance(inner, dict):
            yield from refused(nested, inner, (*path, name))
        elif isinstance(inner, list):
            for index, item in enumerate(inner):
                # The place in a set has no number that Terraform could show.
                place = (*path, name) if nested["nesting"] == "set" else (*path, name, index)
                yield from refused(nested, item, place) if isinstance(item, dict) else ()


def steps(*path):
    step = pb.AttributePath.Step
    return pb.AttributePath(
        steps=[step(element_key_int=p) if isinstance(p, int) else step(attribute_name=p) for p in path]
    )


class Provider:
    def __init__(self, table):
        self.table = table
        self.project = "unknown-project"

    def GetProviderSchema(self, request):
        schema = lambda found: pb.Schema(block=block(found))  # noqa: E731
        return pb.GetProviderSchema.Response(
            provider=schema(self.table["config"]),
            resource_schemas={name: schema(found) for name, found in self.table["resources"].items()},
            data_source_schemas={name: schema(found) for name, found in self.table["data"].items()},
        )

    def ValidateProviderConfig(self, request):
        return pb.ValidateProviderConfig.Response()

    def ConfigureProvider(self, request):
        project = unpack(request.config).get("project")
        self.project = project if isinstance(project, str) else self.project
        return pb.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request):
        schema = self.table["resources"][request.type_name]
        return pb.ValidateConfig.Response(diagnostics=refused(schema, unpack(request.config)))

    def ValidateDataResourceConfig(self, request):
        schema = self.table["data"][request.type_name]
        return pb.ValidateConfig.Response(diagnostics=refused(schema, unpack(request.config)))

    def UpgradeResourceState(self, request):
        return pb.UpgradeResourceState.Response(upgraded_state=pb.DynamicValue(json=request.raw_state.json))

    def ReadResource(self, request):
        return pb.ReadResource.Response(new_state=request.current_state, private=request.private)

    def PlanResourceChange(self, request):
        planned, before = request.proposed_new_state, unpack(request.prior_state)
        after, replaced = unpack(planned), []
        if before is None:
            schema = self.table["resources"][request.type_name]
            planned = self.packed(holes(schema, after))
        elif after is not None:
            replaced = [name for name in IMMUTABLE.get(request.type_name, ()) if before[name] != after[name]]
        return pb.PlanResourceChange.Response(planned_state=planned, requires_replace=[steps(name) for name in replaced])

    def ApplyResourceChange(self, request):
        state, before = unpack(request.planned_state), unpack(request.prior_state)
        if state is None and before.get("deletion_protection"):
            refusal = pb.Diagnostic(severity=1, summary=f"cannot destroy {request.type_name} without setting deletion_protection=false")
            return pb.ApplyResourceChange.Response(new_state=request.prior_state, diagnostics=[refusal])
        if state is not None:
            state = filled(self.table["resources"][request.type_name], state, self.project)
        return pb.ApplyResourceChange.Response(new_state=self.packed(state))

    def ReadDataSource(self, request):
        schema = self.table["data"][request.type_name]
        state = filled(schema, holes(schema, unpack(request.config)), self.project)
        return pb.ReadDataSource.Response(state=self.packed(state))

    def StopProvider(self, request):
        return pb.StopProvider.Response()

    @staticmethod
    def packed(value):
        return pb.DynamicValue(msgpack=pack(value))


def handler(service, methods):
    return grpc.method_handlers_generic_handler(service, methods)


def serve():
    provider = Provider(json.loads((HERE / "schema.json").read_text()))
    stopped = threading.Event()
    methods = {}
    for method in pb.DESCRIPTOR.services_by_name["Provider"].methods:
        message = getattr(pb, method.input_type.containing_type.name).Request
        call = getattr(provider, method.name)
        methods[method.name] = grpc.unary_unary_rpc_method_handler(
            lambda request, _context, call=call: call(request),
            request_deserializer=message.FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )

    def shutdown(_request, _context):
        stopped.set()
        return b""

    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers(
        (
            handler(SERVICE, methods),
            # How Terraform ends a provider.
            handler("plugin.GRPCController", {"Shutdown": grpc.unary_unary_rpc_method_handler(shutdown)}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    # The handshake: handshake version, protocol version, network, address, protocol.
    print(f"1|6|tcp|127.0.0.1:{port}|grpc|", flush=True)
    stopped.wait()
    server.stop(grace=0.2).wait()


if __name__ == "__main__":
    serve()
