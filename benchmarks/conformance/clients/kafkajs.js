// KafkaJS as the suite's client: create|produce|read|group BOOTSTRAP TOPIC ...
const { Kafka, CompressionTypes, logLevel } = require('kafkajs')

const show = (partition, m) => console.log(partition, m.offset, m.key.toString(), m.value.toString(), m.headers.h.toString())
const open = (bootstrap) => new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR })

async function create(bootstrap, topic, partitions) {
  const admin = open(bootstrap).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions), replicationFactor: 1 }] })
  await admin.disconnect()
}

async function produce(bootstrap, topic, codec, first, count) {
  const producer = open(bootstrap).producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const messages = Array.from({ length: Number(count) }, (_, n) => {
    const i = Number(first) + n
    return { key: `k${i}`, value: `v${i}`, headers: { h: `h${i}` } }
  })
  for (let i = 0; i < messages.length; i += 1000) {
    await producer.send({ topic, compression: codec === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None, messages: messages.slice(i, i + 1000) })
  }
  await producer.disconnect()
}

// take reads as a member of a group: KafkaJS knows no other way.
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
        if (left === 0) return
        show(partition, message)
        ends.set(partition, (BigInt(message.offset) + 1n).toString())
        if (--left === 0) resolve()
      },
    }).catch(reject)
  })
  await consumer.commitOffsets([...ends].map(([partition, offset]) => ({ topic, partition, offset })))
  await consumer.disconnect()
}

const read = (bootstrap, topic, count) => take(bootstrap, topic, `reader-${process.pid}`, count)
const group = (bootstrap, topic, name, count) => take(bootstrap, topic, name, count)

const [command, ...args] = process.argv.slice(2)
const run = { create, produce, read, group }[command]
run(...args).then(() => process.exit(0), (err) => { console.error(err); process.exit(1) })
