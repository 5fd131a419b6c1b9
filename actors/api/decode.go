package api

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"troupe/partition/config"
	"troupe/partition/metadata"
	"troupe/partition/record"
)

// A Decoder turns the frames of one connection into requests. It is used by one goroutine.
type Decoder struct {
	env   *Env
	image *metadata.Image // that limits were made from
	// limits are those of topics that were produced to, as long as the image stays the same; those that don't exist share one.
	limits map[string]record.Limits
}

// NewDecoder returns a decoder.
func (e *Env) NewDecoder() *Decoder { return &Decoder{env: e} }

// A compressed batch may unpack to unpackedBytesMax, and on topics that take larger batches to so many times max.message.bytes. Kafka has no bound, so that a
// request of a megabyte may cost a gigabyte's work.
const (
	unpackedBytesMax = 64 << 20
	unpackedTimesMax = 64
	searchedBytesMax = 1 << 30 // what is searched for a timestamp, at most: package replica's
)

// plainBytesMax is how large a request without records may be. Each byte of it may stand for an element that takes a hundred times as much in memory; what
// groups store, the largest of them, is bounded by what a record of __consumer_offsets may have.
const plainBytesMax = 4 << 20

var errShort = errors.New("the request ends within its header")

// Decode parses a frame, which the request then owns. An error is a reason to close the connection: what comes after such a frame
// can't be understood either. A version of ApiVersions that is not served is no error: the client
// learns from the answer which versions are.
func (d *Decoder) Decode(frame []byte, received time.Time) (*Request, error) {
	if len(frame) < 8 {
		return nil, errShort
	}
	key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
	r := &Request{env: d.env, Received: received, Version: version, correlation: binary.BigEndian.Uint32(frame[4:]), Size: len(frame)}
	r.API = d.env.rows[key]
	switch {
	case r.API == nil:
		return nil, fmt.Errorf("API %d (%s) is not served", key, kmsg.NameForKey(key))
	case r.API.Key == kmsg.ApiVersions && (version < r.API.Min || version > r.API.Max):
		r.Body = &kmsg.ApiVersionsRequest{Version: version}
		return r, nil
	case version < r.API.Min || version > r.API.Max:
		return nil, fmt.Errorf("version %d of %s is not served: it must be %d to %d", version, r.API.Name(), r.API.Min, r.API.Max)
	}
	if r.API.Key != kmsg.Produce && len(frame) > plainBytesMax {
		return nil, fmt.Errorf("a request of %d bytes for %s: only those that hold records may have more than %d", len(frame), r.API.Name(), plainBytesMax)
	}
	r.Body = r.API.Key.Request()
	r.Body.SetVersion(version)
	body, err := r.header(frame[8:])
	if err != nil {
		return nil, fmt.Errorf("%s version %d: %w", r.API.Name(), version, err)
	}
	if err := r.Body.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("%s version %d can't be parsed: %w", r.API.Name(), version, err)
	}
	if p, ok := r.Body.(*kmsg.ProduceRequest); ok {
		d.validate(r, p)
	}
	return r, nil
}

// header reads what stands between the correlation id and the body: the client id, and tags in flexible versions.
func (r *Request) header(b []byte) (body []byte, err error) {
	if len(b) < 2 {
		return nil, errShort
	}
	n := int(int16(binary.BigEndian.Uint16(b)))
	b = b[2:]
	if n > len(b) {
		return nil, errShort
	}
	if n > 0 {
		r.ClientID, b = string(b[:n]), b[n:]
	}
	if !r.Body.IsFlexible() {
		return b, nil
	}
	tags, size := binary.Uvarint(b)
	for b = b[max(size, 0):]; size > 0 && tags > 0; tags-- {
		if _, size = binary.Uvarint(b); size <= 0 {
			break
		}
		b = b[size:]
		var length uint64
		if length, size = binary.Uvarint(b); size <= 0 || length > uint64(len(b)-size) {
			return nil, errShort
		}
		b = b[size+int(length):]
	}
	if size <= 0 {
		return nil, errShort
	}
	return b, nil
}

// A checkedBatch is a batch of a produce request, or why it is refused.
type checkedBatch struct {
	batch record.Batch
	err   error
}

// validate checks the batches of a produce request, in the order in which they stand in it. Topics that are not known are left to the handler.
func (d *Decoder) validate(r *Request, p *kmsg.ProduceRequest) {
	image := d.env.Router.View().Image
	if d.image != image {
		d.image, d.limits = image, map[string]record.Limits{}
	}
	for i := range p.Topics {
		t := &p.Topics[i]
		name := t.Topic
		if p.Version >= 13 {
			if known := image.TopicByID(t.TopicID); known != nil {
				name = known.Name
			}
		}
		if image.Topic(name) == nil {
			name = ""
		}
		limits, ok := d.limits[name]
		if !ok {
			limits = limitsOf(image.TopicConfig(name, d.env.Broker, d.env.Static))
			d.limits[name] = limits
		}
		limits.ZstdAllowed = p.Version >= 7
		for j := range t.Partitions {
			b, err := record.Validate(t.Partitions[j].Records, limits, r.Received.UnixMilli())
			if isTransactional(t.Partitions[j].Records) {
				err = errNoTransactions
			}
			if 2*len(b) < r.Size {
				b = slices.Clone(b) // it will be in memory for long, and would keep all of the request there
			}
			r.batches = append(r.batches, checkedBatch{b, err})
		}
	}
}

// isTransactional looks at bytes that may be no batch.
func isTransactional(records []byte) bool {
	return len(records) >= record.HeaderSize && record.Batch(records).IsTransactional()
}

func limitsOf(c config.Topic) record.Limits {
	return record.Limits{
		BatchBytesMax: c.MessageBytesMax, UnpackedBytesMax: min(max(unpackedBytesMax, unpackedTimesMax*c.MessageBytesMax), searchedBytesMax), LogAppendTime: c.LogAppendTime,
		TimestampBeforeMaxMillis: c.TimestampBeforeMaxMillis, TimestampAfterMaxMillis: c.TimestampAfterMaxMillis,
	}
}
