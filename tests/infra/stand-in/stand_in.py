"""A stand-in for Terraform's Google provider: the real argument schema, and a small Google Cloud behind it.

Terraform starts it like any provider (protocol 6 over gRPC) and then checks the configuration as it would with
hashicorp/google: unknown arguments, missing ones, wrong types, blocks that come too often. On top of that it
refuses values that the provider's source does not list, replaces what the real provider would replace, and
refuses to delete what is protected against it. `plan` marks what Google would fill in as
unknown; `apply` fills it with recognisable values. What exists, what is referenced, and how long roles and metrics
take to arrive is in cloud.py. It knows no permissions and no quotas.
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

from cloud import Cloud, Refused, SERVER_NAMED, same_dashboard  # noqa: E402
from values import defaults, filled, holes, pack, unpack  # noqa: E402

SERVICE = "tfplugin6.Provider"
NESTING = {"single": 1, "list": 2, "set": 3}
TYPES = {
    "list string": ["list", "string"], "set string": ["set", "string"], "map string": ["map", "string"],
    "list number": ["list", "number"], "set number": ["set", "number"],
}


WORDS = ("required", "optional", "computed", "sensitive", "write_only")


def attribute(name, text):
    words = text.partition(": ")[0].partition(" = ")[0].split()
    flags = {word: True for word in words if word in WORDS}
    kind = " ".join(word for word in words if word not in WORDS and word != "replaces")
    return pb.Schema.Attribute(name=name, type=json.dumps(TYPES.get(kind, kind)).encode(), **flags)


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


def replaced(schema, before, after):
    """Arguments whose change makes the provider replace a resource."""
    for name, text in schema["attributes"].items():
        if "replaces" in text.partition(": ")[0].partition(" = ")[0].split() and differ(before.get(name), after.get(name)):
            yield name
    for name, nested in schema["blocks"].items():
        old, new = before.get(name) or [], after.get(name) or []
        if nested["nesting"] == "single" or old == new:
            continue
        if nested["nesting"] == "set":
            old, new = [item for item in old if item not in new], [item for item in new if item not in old]
        pairs = [(old[i] if i < len(old) else {}, new[i] if i < len(new) else {}) for i in range(max(len(old), len(new)))]
        if (nested.get("replaces") and len(old) != len(new)) or any(any(replaced(nested, *pair)) for pair in pairs):
            yield name


def differ(before, after):
    # The plugin SDK knows no null: it is the same as an empty value.
    return before != after and bool(before or after)


class Provider:
    def __init__(self, table):
        self.table = table
        self.project = "unknown-project"
        self.cloud = Cloud()

    def GetProviderSchema(self, request):
        schema = lambda found: pb.Schema(block=block(found))  # noqa: E731
        return pb.GetProviderSchema.Response(
            provider=schema(self.table["config"]),
            resource_schemas={name: schema(found) for name, found in self.table["resources"].items()},
            data_source_schemas={name: schema(found) for name, found in self.table["data"].items()},
            # As the provider's SDK says, too.
            server_capabilities=pb.ServerCapabilities(get_provider_schema_optional=True),
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
        state = unpack(request.current_state)
        found = self.cloud.read(request.type_name, state["id"])
        if found is not None:
            # Google does not know what is Terraform's own.
            found = state | found if request.type_name == "google_monitoring_dashboard" else found
        return pb.ReadResource.Response(new_state=self.packed(found), private=request.private)

    def ImportResourceState(self, request):
        found = self.cloud.find(request.type_name, request.id)
        if found is None:
            refusal = pb.Diagnostic(severity=1, summary="Cannot import non-existent remote object")
            return pb.ImportResourceState.Response(diagnostics=[refusal])
        imported = pb.ImportResourceState.Imported(type_name=request.type_name, state=self.packed(found))
        return pb.ImportResourceState.Response(imported_resources=[imported])

    def PlanResourceChange(self, request):
        schema = self.table["resources"][request.type_name]
        before, after, names = unpack(request.prior_state), unpack(request.proposed_new_state), []
        if after is not None:
            after = defaults(schema, after)
            if before is None:
                after = holes(schema, after)
            else:
                if request.type_name == "google_monitoring_dashboard" and isinstance(after["dashboard_json"], str):
                    if same_dashboard(before["dashboard_json"], after["dashboard_json"]):
                        after["dashboard_json"] = before["dashboard_json"]
                names = list(replaced(schema, before, after))
        return pb.PlanResourceChange.Response(
            planned_state=self.packed(after), requires_replace=[steps(name) for name in names], legacy_type_system=True
        )

    def ApplyResourceChange(self, request):
        kind, schema = request.type_name, self.table["resources"][request.type_name]
        before, after = unpack(request.prior_state), unpack(request.planned_state)
        try:
            if after is None:
                # The old state counts, as in the provider: setting it to false needs an apply of its own.
                if before.get("deletion_protection"):
                    raise Refused(f"cannot destroy {kind} without setting deletion_protection=false and running `terraform apply`")
                self.cloud.delete(kind, before)
            else:
                number = self.cloud.next_number() if before is None and kind in SERVER_NAMED else None
                after = filled(schema, after, self.project, number)
                (self.cloud.update if before else self.cloud.create)(kind, after)
        except Refused as refusal:
            left = after if refusal.made else before
            return pb.ApplyResourceChange.Response(
                new_state=self.packed(left), diagnostics=[pb.Diagnostic(severity=1, summary=str(refusal))], legacy_type_system=True
            )
        return pb.ApplyResourceChange.Response(new_state=self.packed(after), legacy_type_system=True)

    def ReadDataSource(self, request):
        schema = self.table["data"][request.type_name]
        state = filled(schema, holes(schema, defaults(schema, unpack(request.config))), self.project)
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
    if "--resident" in sys.argv:
        # For all commands of a test: it ends with whoever started it.
        threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
    stopped.wait()
    server.stop(grace=0.2).wait()


if __name__ == "__main__":
    serve()
