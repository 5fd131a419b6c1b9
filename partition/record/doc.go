// Package record reads, checks and makes Kafka's record batches of magic 2 (KIP-98) in the bytes in which they travel.
//
// A batch is written once, by a client, and the same bytes are stored, sent to followers and sent to consumers. So
// there is no decoded form of a batch here: Batch is a view over its bytes, Stamp fills in what the leader decides, Records walks
// over what is inside. Validate is the one gate through which bytes from outside come in; behind it the header may be
// trusted. The walk aliases the batch's bytes, or those that decompression made, and copies nothing.
//
// The codecs are klauspost/compress (gzip, snappy, zstd) and pierrec/lz4. Decompression is bounded by the caller: what a
// client may make the broker unpack is a limit, never the client's word.
//
// The package imports partition/kafka and the codecs. It knows no clock: validation is told the time.
package record
