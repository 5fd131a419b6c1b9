package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"troupe/partition/config"
	"troupe/partition/metadata"
)

// LoadSettings reads a node's settings: from a Java properties file, where one is named, from environment variables, from flags of their own, and from NAME=VALUE
// pairs as on a command line; a later source wins over an earlier one. Its error names the setting, where it stands, and what would be right.
func LoadSettings(file string, environ, set []string, flags ...config.Flag) (*config.Settings, error) {
	from := config.Sources{FileName: file, Environ: environ, Flags: flags, Set: set}
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
	for _, name := range []string{"listener.address", "admin.address", "advertised.address", "link.address", "link.advertised.address", "advertise.single"} {
		address := s.Get(name)
		refuse := func(format string, args ...any) error {
			err := fmt.Errorf(format, args...)
			if origin := s.Origin(name); origin != "" {
				return fmt.Errorf("%s: %s=%s: %w", origin, name, address, err)
			}
			return fmt.Errorf("%s=%s: %w", name, address, err)
		}
		if address == "" && (name == "link.address" || isForOthers(name)) {
			continue
		}
		if isForOthers(name) {
			if _, _, err := advertised(address, ""); err != nil {
				return refuse("%w", err)
			}
			continue
		}
		host, port, err := net.SplitHostPort(address)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return refuse("it must be HOST:PORT: %w", err)
		}
		local, err := isLoopback(host)
		if err != nil {
			return refuse("%w", err)
		}
		if name == "link.address" && (s.Get("link.secret.file") != "" || s.Get("link.tls.cert.file") != "") {
			continue
		}
		if !local && name == "link.address" && !s.Bool("listener.insecure") {
			return refuse("other machines reach this address, and nobody has to authenticate; set link.secret.file or link.tls.{cert,key,ca}.file, or allow it with listener.insecure=true")
		}
		if !local && !s.Bool("listener.insecure") {
			return refuse("other machines reach this address, and nobody has to authenticate; use 127.0.0.1, or allow it with listener.insecure=true")
		}
	}
	if s.IsSet(metadata.DrainingConfig) {
		return fmt.Errorf("%s: %s is no setting of a node's start; use troupe cluster drain", s.Origin(metadata.DrainingConfig), metadata.DrainingConfig)
	}
	for _, seed := range s.List("seeds") {
		if _, _, err := net.SplitHostPort(seed); err != nil {
			return fmt.Errorf("seeds: %s must be HOST:PORT: %w", seed, err)
		}
	}
	if s.IsSet("seeds") && s.Get("link.address") == "" {
		return errors.New("seeds are set, and no link.address (--link): other nodes could not reach this one")
	}
	return nil
}

// isForOthers tells whether an address is one that others look up, and not this node.
func isForOthers(name string) bool {
	return name == "advertise.single" || strings.HasSuffix(name, "advertised.address")
}

// isLoopback tells whether only this machine reaches a host. A name is looked up; an empty host is every address there is.
func isLoopback(host string) (bool, error) {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback(), nil
	}
	if host == "" {
		return false, nil
	}
	ips, err := net.LookupIP(host)
	if err != nil {
		return false, fmt.Errorf("the host is not found: %w", err)
	}
	return !slices.ContainsFunc(ips, func(ip net.IP) bool { return !ip.IsLoopback() }), nil
}
