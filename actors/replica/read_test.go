package replica

import (
	"testing"

	"troupe/partition"
	"troupe/partition/kafka"
	"troupe/partition/record"
)

// A shelf is a store that holds batches of one partition and no index rows.
type shelf struct {
	partition.Store
	batches []record.Batch
}

func (s *shelf) SeekTimestamp(kafka.PartitionNumber, kafka.Offset, int64) (kafka.Offset, bool, error) {
	return 0, false, nil
}

func (s *shelf) Read(_ kafka.PartitionNumber, from, to kafka.Offset, _ int, _ bool, dst []byte) ([]byte, error) {
	for _, b := range s.batches {
		if b.NextOffset() > from && b.BaseOffset() < to {
			return append(dst, b...), nil // one at a time
		}
	}
	return dst, nil
}

func (s *shelf) add(t *testing.T, codec record.Codec, timestamps ...int64) {
	t.Helper()
	w := record.Builder{Codec: codec}
	for _, at := range timestamps {
		w.Add(record.Record{Timestamp: at})
	}
	b, err := w.Build()
	if err != nil {
		t.Fatal(err)
	}
	var base kafka.Offset
	if n := len(s.batches); n > 0 {
		base = s.batches[n-1].NextOffset()
	}
	b.Stamp(base, 1)
	s.batches = append(s.batches, b)
}

func TestSearch(t *testing.T) {
	s := &shelf{}
	s.add(t, record.None, 900, 100, 300) // offset 0
	s.add(t, record.Gzip, 200, 300, 150) // offset 3
	s.add(t, record.None, 250)           // offset 6
	for _, c := range []struct {
		name   string
		lookup partition.Lookup
		want   kafka.Offset
	}{
		{"the first that is late enough", partition.Lookup{From: 1, To: 7, Timestamp: 200}, 2},
		{"none is late enough", partition.Lookup{From: 1, To: 7, Timestamp: 301}, -1},
		{"the largest, first of two", partition.Lookup{From: 1, To: 7, Largest: true}, 2},
		{"the largest after the start", partition.Lookup{From: 3, To: 6, Largest: true}, 4},
		{"the largest is not enough", partition.Lookup{From: 5, To: 6, Largest: true, Timestamp: 250, Then: &partition.Lookup{From: 6, To: 7, Timestamp: 250}}, 6},
		{"nothing is left", partition.Lookup{From: 5, To: 6, Largest: true, Timestamp: 250}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := search(s, c.lookup)
			if err != nil || found.Offset != c.want {
				t.Errorf("found %+v, %v; want offset %d", found, err, c.want)
			}
		})
	}
}
