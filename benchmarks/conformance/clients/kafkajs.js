// KafkaJS as the suite's client: create|produce|read|group BOOTSTRAP TOPIC ...
const { Kafka, CompressionTypes, logLevel } = require('kafkajs')

const show = (partition, m) => console.log(partition, m.offset, m.key.toString(), m.value.toString(), m.headers.h.toString())
const open = (bootstrap) => new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR })

async function create(bootstrap, topic, partitions) {
  const admin = open(bootstrap).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions), replicationFactor: -1 }] })
  await admin.disconnect()
}

// produce sends to one partition at a time. Of a call for several partitions KafkaJS notes which broker has answered, not which partition: where one moves between its tries, KafkaJS
// leaves it out, or sends it twice, with sequence numbers that are wrong from then on. So it does with Apache Kafka.
async function produce(bootstrap, topic, codec, first, count) {
  let calls = 0
  const createPartitioner = () => ({ partitionMetadata }) => calls % partitionMetadata.length
  const producer = open(bootstrap).producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner })
  await producer.connect()
  const messages = Array.from({ length: Number(count) }, (_, n) => {
    const i = Number(first) + n
    return { key: `k${i}`, value: `v${i}`, headers: { h: `h${i}` } }
  })
  const some = Math.ceil(messages.length / 30)
  for (let i = 0; i < messages.length; i += some, calls++) {
    await producer.send({ topic, compression: codec === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None, messages: messages.slice(i, i + some) })
  }
  await producer.disconnect()
}

// take reads as a member of a group: KafkaJS knows no other way. When the coordinator moves, it joins again and goes back to what is committed, so that records come again.
async function take(bootstrap, topic, groupId, count) {
  const consumer = open(bootstrap).consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const ends = new Map()
  let left = Number(count)
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, (e) => reject(e.payload.error))
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        if (left === 0 || BigInt(message.offset) < BigInt(ends.get(partition) ?? 0)) return
        show(partition, message)
        ends.set(partition, (BigInt(message.offset) + 1n).toString())
        if (--left === 0) resolve()
      },
    }).catch(reject)
  })
  await commit(consumer, [...ends].map(([partition, offset]) => ({ topic, partition, offset })))
  await consumer.disconnect()
}

// commit tries again where the consumer was joining the group again, and the commit bore the generation of before.
async function commit(consumer, offsets) {
  for (;;) {
    try {
      return await consumer.commitOffsets(offsets)
    } catch (e) {
      if (!['ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS'].includes(e.type ?? e.cause?.type)) throw e
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

const read = (bootstrap, topic, count) => take(bootstrap, topic, `reader-${process.pid}`, count)
const group = (bootstrap, topic, name, count) => take(bootstrap, topic, name, count)

const [command, ...args] = process.argv.slice(2)
const run = { create, produce, read, group }[command]
run(...args).then(() => process.exit(0), (err) => { console.error(err); process.exit(1) })
