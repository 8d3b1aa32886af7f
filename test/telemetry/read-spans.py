"""
Reads a request of OTLP in JSON from stdin by OpenTelemetry's own message definitions, strictly: a name or a type that
they do not have is an error. Prints the spans as they understand them.

OTLP's JSON is that of protobuf but for ids, which are hexadecimal
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
"""
import base64
import json
import sys

from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

request = json.load(sys.stdin)
for resource in request['resourceSpans']:
    for scope in resource['scopeSpans']:
        for span in scope['spans']:
            for name in ('traceId', 'spanId', 'parentSpanId'):
                if name in span:
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
message = Parse(json.dumps(request), ExportTraceServiceRequest())
value = lambda one: getattr(one, one.WhichOneof('value'))
print(json.dumps([
    {
        'traceId': span.trace_id.hex(),
        'spanId': span.span_id.hex(),
        'parentSpanId': span.parent_span_id.hex(),
        'name': span.name,
        'kind': span.kind,
        'start': span.start_time_unix_nano,
        'end': span.end_time_unix_nano,
        'status': span.status.code,
        'attributes': {one.key: value(one.value) for one in span.attributes},
        'service': {one.key: value(one.value) for one in resource.resource.attributes},
    }
    for resource in message.resource_spans
    for scope in resource.scope_spans
    for span in scope.spans
]))
