package messages

import (
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// How requests and who leads stand on the wire. The order of the fields is the format: a new one comes last.

func leadersFields(c *coder, m *Leaders) {
	integer(c, &m.Node)
	c.flag(&m.Whole)
	list(c, &m.Led, func(c *coder, l *Led) {
		natural(c, &l.Number)
		integer(c, &l.Leader.Broker)
		integer(c, &l.Leader.Epoch)
		c.pid(&l.Leader.Replica)
		c.pid(&l.Leader.Coordinator)
		plain(c, &l.Leader.InSync, integer[kafka.BrokerID])
		c.flag(&l.Leader.OutOfService)
		plain(c, &l.Leader.Voters, natural[uint64])
		plain(c, &l.Leader.Learners, natural[uint64])
		if c.isMore() {
			c.flag(&l.Leader.Settled)
		}
	})
	integer(c, &m.Upto)
	c.flag(&m.DiskFull)
}

func tellLeadersFields(c *coder, m *TellLeaders) { integer(c, &m.Node) }

func produceFields(c *coder, m *Produce) {
	batch(c, &m.Batch)
	integer(c, &m.Acks)
	c.replyTo(&m.Reply)
	if c.isMore() {
		c.flag(&m.Behind)
	}
}

// batch is for one whole batch. What is inside of it was checked by the session that has sent it, or by the leader that has stored it.
func batch(c *coder, b *record.Batch) {
	large(c, b)
	if c.reading && c.err == nil && (len(*b) < record.HeaderSize || b.Size() != len(*b)) {
		c.fail("%d bytes that are not one record batch", len(*b))
	}
}

func fetchFields(c *coder, m *Fetch) {
	integer(c, &m.Offset)
	integer(c, &m.MaxBytes)
	integer(c, &m.LeaderEpoch)
	integer(c, &m.LastFetchedEpoch)
	integer(c, &m.Isolation)
	c.flag(&m.Wait)
	c.replyTo(&m.Reply)
	c.flag(&m.AnyReplica)
}

func fetchEndFields(c *coder, m *FetchEnd) { c.replyTo(&m.Reply) }

func listOffsetsFields(c *coder, m *ListOffsets) {
	integer(c, &m.Timestamp)
	integer(c, &m.LeaderEpoch)
	integer(c, &m.Isolation)
	c.replyTo(&m.Reply)
}

func offsetForLeaderEpochFields(c *coder, m *OffsetForLeaderEpoch) {
	integer(c, &m.CurrentEpoch)
	integer(c, &m.Epoch)
	c.replyTo(&m.Reply)
}

func deleteRecordsFields(c *coder, m *DeleteRecords) {
	integer(c, &m.Before)
	c.replyTo(&m.Reply)
}

func readColdFields(c *coder, m *ReadCold) {
	coldFields(c, &m.Read)
	c.replyTo(&m.Reply)
}

func coldFields(c *coder, r *ColdRead) {
	natural(c, &r.Partition)
	integer(c, &r.From)
	integer(c, &r.To)
	integer(c, &r.MaxBytes)
}

func transferFields(c *coder, m *Transfer) {
	natural(c, &m.To)
	c.replyTo(&m.Reply)
}

func describeReplicaFields(c *coder, m *DescribeReplica) { c.replyTo(&m.Reply) }

func coordinateFields(c *coder, m *Coordinate) {
	c.text(&m.Key)
	c.value(&m.Body)
	c.text(&m.ClientID)
	c.text(&m.ClientHost)
	integer(c, &m.Broker)
	c.replyTo(&m.Reply)
}

func coordinateAllFields(c *coder, m *CoordinateAll) {
	c.value(&m.Body)
	integer(c, &m.Broker)
	c.replyTo(&m.Reply)
}
