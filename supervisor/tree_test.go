package supervisor

import (
	"fmt"
	"net"
	"os"
	"testing"

	"troupe/actors"
	"troupe/actors/messages"
	"troupe/partition"
	"troupe/partition/config"
)

// bound is a listener that is known by its address alone.
type bound struct {
	net.Listener
	at net.TCPAddr
}

// Addr returns the address.
func (b *bound) Addr() net.Addr { return &b.at }

// Clients are told an address that they can connect to, also where the listener has all that there are.
func TestAddressForClients(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   net.IP
		set  []string
		want string
	}{
		{net.IPv4(127, 0, 0, 1), nil, "127.0.0.1"},
		{net.IPv6unspecified, nil, host},
		{net.IPv4zero, nil, host},
		{net.IPv4zero, []string{"advertised.address=:9000"}, host},
		{net.IPv4zero, []string{"advertised.address=kafka.example:9000"}, "kafka.example"},
		{net.IPv4zero, []string{"advertised.listeners=PLAINTEXT://kafka.example:9000"}, "kafka.example"},
	} {
		s, err := config.Load(config.Sources{Set: c.set})
		if err != nil {
			t.Fatal(err)
		}
		b := &builder{o: treeOptions{Settings: s, NodeID: 1}}
		if me, err := b.me(&bound{at: net.TCPAddr{IP: c.at, Port: 9000}}); err != nil || me.Host != c.want || me.Port != 9000 {
			t.Errorf("bound to %s, with %q: %+v, %v", c.at, c.set, me, err)
		}
	}
}

// A value in the metadata that can't be read costs a line in the log, not the process.
func TestNumberThatCannotBeRead(t *testing.T) {
	s, err := config.Load(config.Sources{Set: []string{"max.connections=5"}})
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]int{" 100": 100, "many": 5, "99999999999999999999": 5} {
		b := &builder{o: treeOptions{Settings: s, NodeID: 1}, system: actors.NewSystem(actors.Options{}), router: messages.NewRouter()}
		row := partition.KeyValue{Key: []byte("config/broker/1"), Value: fmt.Appendf(nil, "{%q:%q}", "max.connections", value)}
		view, err := b.router.View().After([]partition.KeyValue{row}, true, 1)
		if err != nil {
			t.Fatal(err)
		}
		b.router.Set(view)
		if all, perHost := b.connectionLimits(); all != want || perHost != 1<<31-1 {
			t.Errorf("%q comes to %d and %d, want %d", value, all, perHost, want)
		}
		b.system.Shutdown(0)
	}
}
