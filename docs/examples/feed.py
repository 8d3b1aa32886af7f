"""Feeds questions to a run of Swirl from Python: JSON lines on standard input become Avro records.

    swirl schema questions > questions.avsc
    python feed.py 127.0.0.1:9092 swirl.main.questions questions.avsc --id "$(swirl schema questions --id)"
    python feed.py 127.0.0.1:9092 swirl.main.questions questions.avsc --registry http://127.0.0.1:8081
"""

import argparse
import io
import json
import struct
import sys

from confluent_kafka import Producer

parser = argparse.ArgumentParser()
parser.add_argument("brokers")
parser.add_argument("topic")
parser.add_argument("schema")
parser.add_argument("--id", type=int, help="Swirl's own schema id, where there is no registry")
parser.add_argument("--registry", help="the registry's URL")
arguments = parser.parse_args()
with open(arguments.schema, encoding="utf-8") as file:
    text = file.read()

if arguments.registry:
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    # Registers the schema under TOPIC-value where it is not there yet.
    serializer = AvroSerializer(SchemaRegistryClient({"url": arguments.registry}), text)
    context = SerializationContext(arguments.topic, MessageField.VALUE)

    def encode(record):
        return serializer(record, context)

else:
    import fastavro

    schema = fastavro.parse_schema(json.loads(text))

    def encode(record):
        body = io.BytesIO()
        body.write(struct.pack(">bi", 0, arguments.id))
        fastavro.schemaless_writer(body, schema, record)
        return body.getvalue()


lost = []
producer = Producer({"bootstrap.servers": arguments.brokers, "enable.idempotence": True})
for line in sys.stdin:
    record = json.loads(line)
    value = encode(record)
    # The key decides the partition: the id of the question.
    producer.produce(arguments.topic, value, key=record["id"], on_delivery=lambda error, _: error and lost.append(error))
    producer.poll(0)
producer.flush()
if lost:
    sys.exit(f"{len(lost)} records were not taken, the first because: {lost[0]}")
