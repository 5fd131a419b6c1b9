package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"troupe/partition/config"
)

// LoadSettings reads a node's settings: from a Java properties file, where one is named, from environment variables, and from NAME=VALUE pairs
// as on a command line; a later source wins over an earlier one. Its error names the setting, where it stands, and what would be right.
func LoadSettings(file string, environ, set []string) (*config.Settings, error) {
	from := config.Sources{FileName: file, Environ: environ, Set: set}
	if file != "" {
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no settings file %s", file)
		}
		if err != nil {
			return nil, fmt.Errorf("read the settings: %w", err)
		}
		from.File = b
	}
	s, err := config.Load(from)
	if err != nil {
		return nil, err
	}
	return s, check(s)
}

// check looks at what can't be told from one setting alone.
func check(s *config.Settings) error {
	for _, name := range []string{"listener.address", "admin.address", "advertised.address"} {
		address := s.Get(name)
		if address == "" && name == "advertised.address" {
			continue
		}
		host, port, err := net.SplitHostPort(address)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return fmt.Errorf("%s=%s: it must be HOST:PORT: %w", name, address, err)
		}
		if name != "advertised.address" && !isLoopback(host) && !s.Bool("listener.insecure") {
			return fmt.Errorf("%s=%s: other machines reach this address, and nobody has to authenticate; use 127.0.0.1, or allow it with listener.insecure=true", name, address)
		}
	}
	return nil
}

// isLoopback tells whether only this machine reaches a host. A name is looked up; an empty host is every address there is.
func isLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	if host == "" {
		return false
	}
	ips, err := net.LookupIP(host)
	if err != nil || len(ips) == 0 {
		return false
	}
	for _, ip := range ips {
		if !ip.IsLoopback() {
			return false
		}
	}
	return true
}
