package supervisor

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/config"
	"troupe/partition/metadata"
)

// A broker's setting that can be altered while it runs is read while it runs, unless the table says that it has no effect, or takes one value alone.
func TestDynamicSettingsAreReadLive(t *testing.T) {
	settings, err := config.Load(config.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	// live is what the node goes by where the given settings were made for the broker.
	live := func(name, value string) string {
		image, err := metadata.NewImage().Apply([]partition.KeyValue{{Key: []byte("config/broker/1"), Value: fmt.Appendf(nil, `{%q: %q}`, name, value)}})
		if err != nil {
			t.Fatal(err)
		}
		b := &builder{o: treeOptions{Settings: settings, NodeID: 1}, router: messages.NewRouter()}
		b.router.Set(messages.NewView(image))
		connections, perHost := b.connectionLimits()
		return fmt.Sprint(b.partitionConfig(image, wantedPartition{}), image.TopicConfig("", 1, settings.Static()), connections, perHost, image.Draining(1))
	}
	for _, p := range config.BrokerProperties() {
		if !p.Dynamic || p.Refuse != nil || strings.Contains(p.Effect, "without effect") || strings.Contains(p.Effect, "whatever this says") {
			continue
		}
		other := ""
		if p.Type == config.Boolean {
			other = fmt.Sprint(p.Default == "false")
		} else if n, err := strconv.ParseInt(p.Default, 10, 64); err == nil && n > 2 {
			other = fmt.Sprint(n - 1)
		} else if err == nil {
			other = fmt.Sprint(n + 1)
		} else if len(p.Values) > 1 {
			other = p.Values[len(p.Values)-1]
		}
		if err := p.Check(p.Name, other); err != nil {
			t.Fatalf("no value to try %s with: %v", p.Name, err)
		}
		if live(p.Name, other) == live(p.Name, p.Default) {
			t.Errorf("%s=%s changes nothing while the node runs", p.Name, other)
		}
	}
}
