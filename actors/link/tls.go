package link

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"
)

// A TLS is how links are encrypted, and how nodes prove that they belong to the cluster. Both sides show a certificate.
type TLS struct {
	config *tls.Config // for both sides
	byName bool        // the dialer checks that the certificate is for the host that it has dialed
	remedy string      // what to look at where the nodes don't believe each other
}

// secretBytesMin is the least a secret may have: who sees a handshake can try secrets against it.
const secretBytesMin = 16

// TLSFromSecret returns links between nodes that know a secret. The key of every node's certificate comes from it, and each accepts exactly that key.
func TLSFromSecret(secret []byte) (*TLS, error) {
	if len(secret) < secretBytesMin {
		return nil, fmt.Errorf("the links' secret has %d bytes; it must have %d at least, and be random: openssl rand -hex 32", len(secret), secretBytesMin)
	}
	seed, err := hkdf.Key(sha256.New, secret, nil, "troupe link ed25519", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(seed)
	public := key.Public().(ed25519.PublicKey)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "troupe"},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return nil, err
	}
	return &TLS{
		remedy: "do both have the same link secret?",
		config: &tls.Config{
			MinVersion:             tls.VersionTLS13,
			Certificates:           []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}},
			ClientAuth:             tls.RequireAnyClientCert,
			InsecureSkipVerify:     true, // instead of names and authorities, the key itself is what counts:
			SessionTicketsDisabled: true,
			VerifyConnection: func(s tls.ConnectionState) error {
				theirs, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
				if !ok || !public.Equal(theirs) {
					return errors.New("its certificate is not of this cluster's secret")
				}
				return nil
			},
		},
	}, nil
}

// TLSFromFiles returns links between nodes with certificates of an authority, in PEM. A node's certificate must be for the host in its address, and fit for
// servers and for clients.
func TLSFromFiles(certFile, keyFile, caFile string) (*TLS, error) {
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("the links' certificate %s with the key %s: %w", certFile, keyFile, err)
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("the links' certificate authority: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the links' certificate authority %s has no certificate in PEM", caFile)
	}
	return &TLS{
		remedy: "do both have certificates of the same authority, for the hosts in their addresses, fit for servers and clients, and not expired?",
		byName: true,
		config: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, RootCAs: authorities, ClientCAs: authorities,
			ClientAuth: tls.RequireAndVerifyClientCert, SessionTicketsDisabled: true,
		},
	}, nil
}

func (t *TLS) dialed(ctx context.Context, socket net.Conn, address string) (net.Conn, error) {
	config := t.config
	if t.byName {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		config = config.Clone()
		config.ServerName = host
	}
	conn := tls.Client(patient{socket}, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return conn, nil
}

// accepted has said nothing but its part of the handshake when it returns an error.
func (t *TLS) accepted(socket net.Conn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeMax)
	defer cancel()
	conn := tls.Server(patient{socket}, t.config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, t.explain(err)
	}
	return conn, nil
}

// explain says what to do about an error. With TLS 1.3 the dialer hears that its certificate was refused only when it reads what should come after the handshake.
func (t *TLS) explain(err error) error {
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &plain):
		return fmt.Errorf("the other side does not speak TLS: links are encrypted on all nodes or on none: %w", err)
	case strings.Contains(err.Error(), "certificate") || errors.As(err, new(tls.AlertError)):
		return fmt.Errorf("the nodes don't trust each other: %w; %s", err, t.remedy)
	}
	return err
}
