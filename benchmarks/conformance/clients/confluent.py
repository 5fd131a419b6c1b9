"""confluent-kafka (librdkafka) as the suite's client: create|produce|read|group BOOTSTRAP TOPIC ..."""
import sys

from confluent_kafka import Consumer, Producer, TopicPartition, OFFSET_BEGINNING
from confluent_kafka.admin import AdminClient, NewTopic


def show(m):
    print(m.partition(), m.offset(), m.key().decode(), m.value().decode(), dict(m.headers())["h"].decode())


def create(bootstrap, topic, partitions):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, int(partitions), -1)])[topic].result(30)


def produce(bootstrap, topic, codec, first, count):
    failed = []
    p = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True})
    for i in range(int(first), int(first) + int(count)):
        p.produce(topic, key=f"k{i}", value=f"v{i}", headers={"h": f"h{i}"}, on_delivery=lambda e, m: e and failed.append(e))
        p.poll(0)
    if p.flush(60) or failed:
        sys.exit(f"not all records were delivered: {failed[:1]}")


def take(c, count):
    left = int(count)
    while left > 0:
        m = c.poll(60)
        if m is None or m.error():
            sys.exit(f"{left} records are missing: {m and m.error()}")
        show(m)
        left -= 1
        yield m


def read(bootstrap, topic, count):
    c = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody", "enable.auto.commit": False})
    partitions = c.list_topics(topic, 30).topics[topic].partitions
    c.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    for _ in take(c, count):
        pass
    c.close()


def group(bootstrap, topic, name, count):
    c = Consumer({"bootstrap.servers": bootstrap, "group.id": name, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    c.subscribe([topic])
    ends = {}
    for m in take(c, count):
        ends[m.partition()] = m.offset() + 1
    c.commit(offsets=[TopicPartition(topic, p, o) for p, o in ends.items()], asynchronous=False)
    c.close()


globals()[sys.argv[1]](*sys.argv[2:])
