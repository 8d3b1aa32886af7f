"""Prints a topic of a run of Swirl as JSON lines, from its start to its end, or without end with --follow.

    swirl schema judged > judged.avsc
    python tap.py 127.0.0.1:9092 swirl.main.judged judged.avsc
    python tap.py 127.0.0.1:9092 swirl.main.judged judged.avsc --registry http://127.0.0.1:8081
"""

import argparse
import io
import json
import signal
import uuid

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

# End quietly where the reader ends, as in `tap.py … | head`.
signal.signal(signal.SIGPIPE, signal.SIG_DFL)

parser = argparse.ArgumentParser()
parser.add_argument("brokers")
parser.add_argument("topic")
parser.add_argument("schema", help="the schema to read records as")
parser.add_argument("--registry", help="its URL, where records may have been written with other schemas")
parser.add_argument("--follow", action="store_true")
arguments = parser.parse_args()
with open(arguments.schema, encoding="utf-8") as file:
    text = file.read()

if arguments.registry:
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroDeserializer
    from confluent_kafka.serialization import MessageField, SerializationContext

    deserializer = AvroDeserializer(SchemaRegistryClient({"url": arguments.registry}), text)
    context = SerializationContext(arguments.topic, MessageField.VALUE)

    def decode(value):
        return deserializer(value, context)

else:
    schema = fastavro.parse_schema(json.loads(text))

    def decode(value):
        # A zero byte, four bytes of schema id, the record.
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), schema)


consumer = Consumer(
    {
        "bootstrap.servers": arguments.brokers,
        # Nothing is committed: the name only has to be nobody else's.
        "group.id": f"tap-{uuid.uuid4()}",
        "enable.auto.commit": False,
        # What a transaction has not committed does not exist.
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
)
partitions = consumer.list_topics(arguments.topic, timeout=10).topics[arguments.topic].partitions
consumer.assign([TopicPartition(arguments.topic, partition, OFFSET_BEGINNING) for partition in partitions])
open_partitions = set(partitions)
while arguments.follow or open_partitions:
    message = consumer.poll(1.0)
    if message is None:
        continue
    error = message.error()
    if error is not None:
        if error.code() != KafkaError._PARTITION_EOF:
            raise SystemExit(str(error))
        open_partitions.discard(message.partition())
        continue
    print(json.dumps(decode(message.value()), default=lambda value: value.hex()), flush=True)
consumer.close()
