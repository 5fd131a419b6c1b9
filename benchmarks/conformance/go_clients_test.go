package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFranzGo(t *testing.T) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	open := func(t *testing.T, bootstrap string, o ...kgo.Opt) (*kgo.Client, context.Context) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), within)
		t.Cleanup(cancel)
		c, err := kgo.NewClient(append(o, kgo.SeedBrokers(bootstrap))...)
		if err != nil {
			t.Fatal(err)
		}
		return c, ctx
	}
	take := func(t *testing.T, ctx context.Context, c *kgo.Client, count int) string {
		t.Helper()
		var out strings.Builder
		for n := 0; n < count; {
			f := c.PollRecords(ctx, count-n)
			if err := f.Err(); err != nil {
				t.Fatalf("after %d records: %v", n, err)
			}
			f.EachRecord(func(r *kgo.Record) {
				fmt.Fprintln(&out, r.Partition, r.Offset, string(r.Key), string(r.Value), string(r.Headers[0].Value))
				n++
			})
		}
		return out.String()
	}
	suite(t, client{
		codecs: []string{"none", "gzip", "snappy", "lz4", "zstd"},
		create: func(t *testing.T, bootstrap, topic string) {
			c, ctx := open(t, bootstrap)
			defer c.Close()
			if _, err := kadm.NewClient(c).CreateTopic(ctx, partitions, -1, nil, topic); err != nil {
				t.Fatal(err)
			}
		},
		produce: func(t *testing.T, bootstrap, topic, codec string, first, count int) {
			c, ctx := open(t, bootstrap, kgo.ProducerBatchCompression(codecs[codec]))
			defer c.Close()
			for i := first; i < first+count; i++ {
				r := &kgo.Record{Topic: topic, Key: fmt.Append(nil, "k", i), Value: fmt.Append(nil, "v", i), Headers: []kgo.RecordHeader{{Key: "h", Value: fmt.Append(nil, "h", i)}}}
				c.Produce(ctx, r, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
			if err := c.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		},
		read: func(t *testing.T, bootstrap, topic string, count int) string {
			c, ctx := open(t, bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			defer c.Close()
			return take(t, ctx, c, count)
		},
		group: func(t *testing.T, bootstrap, topic, group string, count int) string {
			c, ctx := open(t, bootstrap, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
			defer c.Close()
			out := take(t, ctx, c, count)
			if err := c.CommitUncommittedOffsets(ctx); err != nil {
				t.Fatal(err)
			}
			return out
		},
	})
}

func TestSarama(t *testing.T) {
	codecs := map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}
	config := func() *sarama.Config {
		c := sarama.NewConfig()
		c.Version = sarama.V4_0_0_0
		c.Producer.Return.Successes = true
		c.Producer.Idempotent = true
		c.Producer.RequiredAcks = sarama.WaitForAll
		c.Net.MaxOpenRequests = 1
		c.Consumer.Offsets.Initial = sarama.OffsetOldest
		c.Consumer.Offsets.Retry.Max = 20 // of the commit at the end of a session, which goes to the coordinator of its beginning first
		return c
	}
	suite(t, client{
		codecs: []string{"none", "gzip", "snappy", "lz4", "zstd"},
		create: func(t *testing.T, bootstrap, topic string) {
			admin, err := sarama.NewClusterAdmin([]string{bootstrap}, config())
			if err != nil {
				t.Fatal(err)
			}
			defer admin.Close()
			if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: -1}, false); err != nil {
				t.Fatal(err)
			}
		},
		produce: func(t *testing.T, bootstrap, topic, codec string, first, count int) {
			c := config()
			c.Producer.Compression = codecs[codec]
			p, err := sarama.NewSyncProducer([]string{bootstrap}, c)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var all []*sarama.ProducerMessage
			for i := first; i < first+count; i++ {
				all = append(all, &sarama.ProducerMessage{
					Topic: topic, Key: sarama.StringEncoder(fmt.Sprint("k", i)), Value: sarama.StringEncoder(fmt.Sprint("v", i)),
					Headers: []sarama.RecordHeader{{Key: []byte("h"), Value: fmt.Append(nil, "h", i)}},
				})
			}
			if err := p.SendMessages(all); err != nil {
				t.Fatal(err)
			}
		},
		read: func(t *testing.T, bootstrap, topic string, count int) string {
			c, err := sarama.NewConsumer([]string{bootstrap}, config())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			lines := make(chan string)
			stop := make(chan struct{})
			defer close(stop)
			for p := range partitions {
				pc, err := c.ConsumePartition(topic, int32(p), sarama.OffsetOldest)
				if err != nil {
					t.Fatal(err)
				}
				defer pc.Close()
				go func() {
					for m := range pc.Messages() {
						select {
						case lines <- saramaLine(m):
						case <-stop:
						}
					}
				}()
			}
			var out strings.Builder
			for n := range count {
				select {
				case line := <-lines:
					out.WriteString(line)
				case <-time.After(within):
					t.Fatalf("only %d records came", n)
				}
			}
			return out.String()
		},
		group: func(t *testing.T, bootstrap, topic, group string, count int) string {
			g, err := sarama.NewConsumerGroup([]string{bootstrap}, group, config())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), within)
			defer cancel()
			h := &saramaGroup{lines: make(chan *sarama.ConsumerMessage), taken: make(chan struct{}), last: map[int32]*sarama.ConsumerMessage{}}
			done := make(chan error, 1)
			go func() {
				for ctx.Err() == nil { // a session ends by itself when one of its partitions can't be read for a while
					if err := g.Consume(ctx, []string{topic}, h); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
			var out strings.Builder
			for n := range count {
				select {
				case m := <-h.lines:
					out.WriteString(saramaLine(m))
					h.last[m.Partition] = m
					h.taken <- struct{}{}
				case err := <-done:
					t.Fatalf("only %d records came: %v", n, err)
				}
			}
			cancel()
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
			return out.String()
		},
	})
}

// saramaGroup hands over one record after the other, and marks those that were taken: a session commits them when it ends.
type saramaGroup struct {
	lines chan *sarama.ConsumerMessage
	taken chan struct{}
	last  map[int32]*sarama.ConsumerMessage // taken of each partition
}

// Setup has a session go on where the last one ended, whether or not that has committed.
func (g *saramaGroup) Setup(s sarama.ConsumerGroupSession) error {
	for _, m := range g.last {
		s.MarkMessage(m, "")
	}
	return nil
}

func (*saramaGroup) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (g *saramaGroup) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m := <-claim.Messages():
			if m == nil {
				return nil
			}
			select {
			case g.lines <- m:
				<-g.taken
				s.MarkMessage(m, "")
			case <-s.Context().Done():
				return nil
			}
		case <-s.Context().Done():
			return nil
		}
	}
}

func saramaLine(m *sarama.ConsumerMessage) string {
	return fmt.Sprintln(m.Partition, m.Offset, string(m.Key), string(m.Value), string(m.Headers[0].Value))
}
