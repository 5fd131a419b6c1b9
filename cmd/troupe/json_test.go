package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What JSON has no form for is not lost: several headers of a name, nothing instead of a value, and bytes that are no text.
func TestConsumeJSON(t *testing.T) {
	server := launch(t, anyPorts(t.TempDir())...)
	c, err := kgo.NewClient(kgo.SeedBrokers(server.kafka), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := &kgo.Record{
		Topic: "orders", Key: []byte("k"), Value: []byte{0xff, 0}, Timestamp: time.UnixMilli(1_700_000_000_000),
		Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "h"}, {Key: "h", Value: []byte{0xfe}}},
	}
	if err := c.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	code, out, stderr := troupe(t, "", "consume", "orders", "--from-beginning", "-n", "1", "--json", "-b", server.kafka)
	const want = `{"headers":[{"key":"h","value":"1"},{"key":"h","value":null},{"key":"h","value_base64":"/g=="}],"key":"k","offset":0,"partition":0,"timestamp":1700000000000,"topic":"orders","value_base64":"/wA="}` + "\n"
	if code != exitOK || out != want {
		t.Errorf("ends with %d, prints %s%s, want %s", code, out, stderr, want)
	}
}

// What create prints of a topic is the same for one that is there already, and describe prints the same id.
func TestTopicJSON(t *testing.T) {
	server := launch(t, anyPorts(t.TempDir())...)
	type view struct {
		ID         string `json:"id"`
		Partitions int    `json:"partitions"`
		Factor     int    `json:"replication_factor"`
		Created    bool   `json:"created"`
	}
	create := func() (v view) {
		t.Helper()
		code, out, stderr := troupe(t, "", "topic", "create", "orders", "-p", "3", "--if-not-exists", "--json", "-b", server.kafka)
		if err := json.Unmarshal([]byte(out), &v); code != exitOK || err != nil {
			t.Fatalf("ends with %d, prints %s%s: %v", code, out, stderr, err)
		}
		return v
	}
	first := create()
	again := create()
	if !first.Created || again.Created || len(first.ID) != 22 || strings.ContainsAny(first.ID, "+/=") {
		t.Errorf("created as %+v, then %+v", first, again)
	}
	if again.Created = true; again != first || first.Partitions != 3 || first.Factor != 1 {
		t.Errorf("%+v became %+v", first, again)
	}
	if _, out, _ := troupe(t, "", "topic", "describe", "orders", "-b", server.kafka); !strings.Contains(out, first.ID) {
		t.Errorf("described as %s, and its id is %s", out, first.ID)
	}
}
