package link

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"troupe/actors"
	"troupe/partition/kafka"
)

func withSecret(t testing.TB, secret string) func(*Options) {
	t.Helper()
	keys, err := TLSFromSecret([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options) { o.TLS = keys }
}

const (
	oneSecret   = "correct horse battery staple"
	otherSecret = "incorrect horse battery staple"
)

func TestTLSWithASecret(t *testing.T) {
	a := startNode(t, nodeOptions{id: 1, change: withSecret(t, oneSecret)})
	b := startNode(t, nodeOptions{id: 2, change: withSecret(t, oneSecret)})
	link(a, b)
	body := bytes.Repeat([]byte("body"), 1<<20)
	for i := range uint64(20) {
		a.send(a.at(b), &note{Lane: actors.Data, Number: i, Body: body[:int(i)*50_000], ReplyTo: a.inbox})
	}
	a.until("all answers", func() bool { return len(a.answer) == 20 })
	b.until("all notes", func() bool { return len(b.notes) == 20 })
	for i, m := range b.notes {
		if m.Number != uint64(i) || !bytes.Equal(m.Body, body[:i*50_000]) {
			t.Errorf("note %d came as %d with %d bytes", i, m.Number, len(m.Body))
		}
	}
	b.close()
	if d := a.untilDown(2); !d.Gone {
		t.Errorf("down: %+v", d)
	}
}

// A connection that ends in the midst of a long write ends its writer.
func TestTLSWriteThatFails(t *testing.T) {
	a := startNode(t, nodeOptions{id: 1, change: withSecret(t, oneSecret)})
	b := startNode(t, nodeOptions{id: 2, change: withSecret(t, oneSecret)})
	toB := startProxy(t, b.addr())
	a.links.SetPeers(map[kafka.BrokerID]string{2: toB.addr()})
	b.links.SetPeers(map[kafka.BrokerID]string{1: a.addr()})
	a.untilUp(b)
	toB.freeze()
	for range 3 { // more than sockets take
		a.send(a.at(b), &note{Lane: actors.Data, Body: make([]byte, 5<<20)})
	}
	a.untilDown(2)
	ended := make(chan struct{})
	go func() {
		a.links.Close()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("a goroutine of the link never ends")
	}
}

// What a node of one kind says about one of another, and the other way round.
func TestTLSThatDoesNotFit(t *testing.T) {
	const both = "links are encrypted on all nodes or on none"
	plain := func(*Options) {}
	for _, c := range []struct {
		name             string
		a, b             func(*Options)
		dialer, acceptor string
	}{
		{"another secret", withSecret(t, oneSecret), withSecret(t, otherSecret), "the same link secret", "the same link secret"},
		{"the dialer is plain", plain, withSecret(t, oneSecret), both, both},
		{"the acceptor is plain", withSecret(t, oneSecret), plain, both, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := startNode(t, nodeOptions{id: 1, change: c.a}), startNode(t, nodeOptions{id: 2, change: c.b})
			a.links.Probe(b.addr(), a.owner)
			met := untilEvent(a, "a probe's end", func(*Met) bool { return true })
			if met.Err == nil || !strings.Contains(met.Err.Error(), c.dialer) || met.Hello != (Hello{}) {
				t.Errorf("the dialer hears %v and %+v", met.Err, met.Hello)
			}
			b.untilLogged(c.acceptor)
			a.links.SetPeers(map[kafka.BrokerID]string{2: b.addr()})
			a.untilLogged("can't be reached", c.dialer)
			if met := last[*Met](b); met != nil {
				t.Errorf("the acceptor has met %+v", met)
			}
		})
	}
}

func TestSecretsThatAreTooShort(t *testing.T) {
	if _, err := TLSFromSecret([]byte("secret")); err == nil || !strings.Contains(err.Error(), "openssl rand") {
		t.Errorf("a short secret: %v", err)
	}
}

// A stranger gets no byte that says anything, neither when it says nothing, nor rubbish, nor when it knows TLS but not the secret.
func TestStrangersGetNothing(t *testing.T) {
	for name, change := range map[string]func(*Options){"plain": func(*Options) {}, "TLS": withSecret(t, oneSecret)} {
		a := startNode(t, nodeOptions{id: 1, change: change})
		for what, words := range map[string]string{
			"nothing": "", "HTTP": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "Kafka": "\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\x00\x01x",
			"half a greeting": magic + "\x00\xff{", "a greeting too long": magic + "\xff\xff" + strings.Repeat("x", 1<<16),
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				c, err := net.Dial("tcp", a.addr())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				_, _ = c.Write([]byte(words))
				var got [100]byte
				n := 0
				for err == nil {
					var more int
					more, err = c.Read(got[n:])
					n += more
				}
				alert := name == "TLS" && n == 7 && got[0] == 0x15 // TLS's own refusal
				if ne, ok := err.(net.Error); n > 0 && !alert || ok && ne.Timeout() {
					t.Errorf("it was told %q, %v", got[:n], err)
				}
			})
		}
	}
}

func TestTLSStrangersWithoutACertificate(t *testing.T) {
	a := startNode(t, nodeOptions{id: 1, change: withSecret(t, oneSecret)})
	other, err := TLSFromSecret([]byte(otherSecret))
	if err != nil {
		t.Fatal(err)
	}
	for name, certificates := range map[string][]tls.Certificate{"no certificate": nil, "another": other.config.Certificates} {
		c, err := tls.Dial("tcp", a.addr(), &tls.Config{InsecureSkipVerify: true, Certificates: certificates, MinVersion: tls.VersionTLS13})
		if err != nil {
			t.Fatalf("%s: with TLS 1.3 the dialer's handshake ends first: %v", name, err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_ = writeGreeting(c, greeting{Hello: Hello{Cluster: "c", Node: 2}, For: forProbe})
		var got [100]byte
		if n, err := c.Read(got[:]); n > 0 || err == nil {
			t.Errorf("%s: it was told %q, %v", name, got[:n], err)
		}
		c.Close()
	}
}

// Connections that say nothing don't keep a node out.
func TestStrangersKeepNobodyOut(t *testing.T) {
	a, b := startNode(t, nodeOptions{id: 1}), startNode(t, nodeOptions{id: 2})
	for range 3 * halfOpenMax {
		c, err := net.Dial("tcp", a.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	link(a, b)
	a.links.mu.Lock()
	defer a.links.mu.Unlock()
	if n := len(a.links.halfOpen); n > halfOpenMax {
		t.Errorf("%d connections are half open", n)
	}
}

// An authority makes certificates for tests.
type authority struct {
	t           *testing.T
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key, a.certificate = a.sign("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) sign(name string, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(int64(len(name)))
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for suffix, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(a.dir, name+suffix), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, certificate
}

// node returns the settings of a node with a certificate for a host.
func (a *authority) node(name, host string) func(*Options) {
	a.t.Helper()
	template := &x509.Certificate{
		DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	a.sign(name, template)
	file := func(n string) string { return filepath.Join(a.dir, n) }
	keys, err := TLSFromFiles(file(name+".crt"), file(name+".key"), file("ca.crt"))
	if err != nil {
		a.t.Fatal(err)
	}
	return func(o *Options) { o.TLS = keys }
}

func TestTLSWithCertificates(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	a := startNode(t, nodeOptions{id: 1, change: ours.node("one", "127.0.0.1")})
	b := startNode(t, nodeOptions{id: 2, change: ours.node("two", "127.0.0.1")})
	link(a, b)
	a.send(a.at(b), &note{Lane: actors.Data, ReplyTo: a.inbox})
	a.until("an answer", func() bool { return len(a.answer) == 1 })
	for i, c := range []struct {
		name   string
		change func(*Options)
	}{
		{"another authority", others.node("three", "127.0.0.1")},
		{"another host", ours.node("four", "elsewhere")},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := startNode(t, nodeOptions{id: kafka.BrokerID(3 + i), change: c.change})
			a.links.Probe(n.addr(), a.owner)
			met := untilEvent(a, "a probe's end", func(m *Met) bool { return m.Address == n.addr() })
			if met.Err == nil || !strings.Contains(met.Err.Error(), "certificates of the same authority, for the hosts") {
				t.Errorf("the dialer hears %v", met.Err)
			}
			n.untilLogged("certificates of the same authority")
		})
	}
	if _, err := TLSFromFiles("no.crt", "no.key", "no.ca"); err == nil || !strings.Contains(err.Error(), "no.crt") {
		t.Errorf("files that are not there: %v", err)
	}
	file := func(n string) string { return filepath.Join(ours.dir, n) }
	if _, err := TLSFromFiles(file("one.crt"), file("one.key"), file("one.key")); err == nil || !strings.Contains(err.Error(), "no certificate in PEM") {
		t.Errorf("an authority that is none: %v", err)
	}
}
