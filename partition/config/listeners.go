package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// listenerNames are Kafka's settings that say together where clients are served: listener.address and advertised.address here.
var listenerNames = []string{"listeners", "advertised.listeners", "controller.listener.names", "listener.security.protocol.map"}

// given is a setting as it was written.
type given struct {
	value string
	place place
}

// A listener is one of Kafka's: NAME://HOST:PORT.
type listener struct{ name, address string }

// readListeners turns Kafka's listener settings into ours. What would be served in another way than they say is an error: a
// listener that shall be encrypted must not be open to everybody.
func (s *Settings) readListeners(Sources) error {
	name := ""
	own, set := s.places["listener.address"]
	if at, ok := s.kafka["listeners"]; ok && (!set || at.ranked().over(own)) {
		clients, err := s.clientListeners(at)
		if err != nil {
			return err
		}
		for _, more := range clients[1:] {
			s.warn(at, "listeners: there is one listener for clients, %s; %s is not served", clients[0], more)
		}
		name = clients[0].name
		s.take("listener.address", s.loopbackFor(at, clients[0]), at.ranked())
	}
	at, ok := s.kafka["advertised.listeners"]
	if !ok {
		return nil
	}
	if set && at.place.layer < own.layer {
		s.warn(at, "advertised.listeners is ignored: it belongs to other listeners than listener.address (%s); set advertised.address", own.origin)
		return nil
	}
	clients, err := s.clientListeners(at)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(clients, func(l listener) bool { return name == "" || l.name == name })
	if i < 0 {
		return fmt.Errorf("%s, advertised.listeners: %q does not name the listener %s", at.place.origin, at.value, name)
	}
	s.take("advertised.address", clients[i].address, at.ranked())
	return nil
}

// ranked is the place of a setting that our own name for it wins over.
func (g given) ranked() place {
	g.place.rank = 1
	return g.place
}

func (s *Settings) warn(at given, format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...)+" ("+at.place.origin+")")
}

// clientListeners returns the listeners that are not the controllers'. There is at least one, and each is to be served without encryption
// and authentication.
func (s *Settings) clientListeners(at given) (out []listener, err error) {
	refuse := func(format string, args ...any) ([]listener, error) {
		return nil, fmt.Errorf("%s, %s: %s", at.place.origin, at.place.name, fmt.Sprintf(format, args...))
	}
	controllers := splitList(strings.ToUpper(cmp.Or(s.kafka["controller.listener.names"].value, "CONTROLLER")))
	for _, entry := range splitList(at.value) {
		name, address, ok := strings.Cut(entry, "://")
		if !ok || !strings.Contains(address, ":") {
			return refuse("%q is not NAME://HOST:PORT", entry)
		}
		l := listener{strings.ToUpper(name), address}
		if slices.Contains(controllers, l.name) {
			continue // there is no controller process
		}
		switch protocol := s.protocolOf(l.name); protocol {
		case "PLAINTEXT":
			out = append(out, l)
		case "":
			return refuse("listener.security.protocol.map does not say what is spoken on %s", l)
		default:
			return refuse("%s speaks %s, and TLS and SASL are not there yet: only PLAINTEXT is", l, protocol)
		}
	}
	if len(out) == 0 {
		return refuse("%q names no listener for clients", at.value)
	}
	return out, nil
}

// protocolOf returns what is spoken on a listener; empty where nothing says so. A listener may be named after its protocol.
func (s *Settings) protocolOf(name string) string {
	for _, entry := range splitList(s.kafka["listener.security.protocol.map"].value) {
		if of, protocol, ok := strings.Cut(strings.ToUpper(entry), ":"); ok && of == name {
			return protocol
		}
	}
	if slices.Contains([]string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, name) {
		return name
	}
	return ""
}

// loopbackFor returns the address to listen on. In Kafka a listener without a host is open to all machines, which nobody may have meant who
// loads the file that Kafka is shipped with; here that has to be said.
func (s *Settings) loopbackFor(at given, l listener) string {
	port, everywhere := strings.CutPrefix(l.address, ":")
	if !everywhere || s.Bool("listener.insecure") {
		return l.address
	}
	address := "127.0.0.1:" + port
	s.warn(at, "listeners: %s names no host, and only this machine is served, at %s; listener.insecure=true serves all, who need not authenticate", l, address)
	return address
}

// String returns the listener as Kafka writes it.
func (l listener) String() string { return l.name + "://" + l.address }
