"""A transactional producer of confluent-kafka (librdkafka): BOOTSTRAP. It prints why it can't begin, and whether that is for good."""
import sys

from confluent_kafka import KafkaException, Producer

p = Producer({"bootstrap.servers": sys.argv[1], "transactional.id": "tx"})
try:
    p.init_transactions(30)
    print("began")
except KafkaException as e:
    print(e.args[0].name(), "fatal" if e.args[0].fatal() else "not fatal", "retriable" if e.args[0].retriable() else "not retriable")
