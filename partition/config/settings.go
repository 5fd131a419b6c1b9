package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/magiconair/properties"
)

// Settings are a node's settings, each with where it came from.
type Settings struct {
	values map[string]string // those that were set, under the broker's names
	origin map[string]string
	// Warnings are lines for the log: settings of Kafka's that do nothing here.
	Warnings []string
}

// Sources are where settings come from; a later one wins over an earlier one.
type Sources struct {
	File     []byte   // a Java properties file
	FileName string   // for messages
	Environ  []string // NAME=VALUE; TROUPE_LOG_RETENTION_MS stands for log.retention.ms
	Set      []string // NAME=VALUE, as on the command line
}

// EnvironPrefix begins the names of the environment variables that are settings.
const EnvironPrefix = "TROUPE_"

// Load reads settings. Its error names the setting, where it stands and, for an unknown one, the nearest known name.
func Load(from Sources) (*Settings, error) {
	s := &Settings{values: map[string]string{}, origin: map[string]string{}}
	if len(from.File) > 0 {
		loader := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
		file, err := loader.LoadBytes(from.File)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from.FileName, err)
		}
		for _, name := range file.Keys() {
			value, _ := file.Get(name)
			if err := s.put(name, value, from.FileName); err != nil {
				return nil, err
			}
		}
	}
	names := environNames()
	for _, entry := range from.Environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, EnvironPrefix) {
			continue
		}
		known, ok := names[name]
		if !ok {
			known = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, EnvironPrefix), "_", "."))
		}
		if err := s.put(known, value, "environment variable "+name); err != nil {
			return nil, err
		}
	}
	for _, entry := range from.Set {
		name, value, ok := strings.Cut(entry, "=")
		if !ok {
			return nil, fmt.Errorf("--set %s: expected NAME=VALUE", entry)
		}
		if err := s.put(strings.TrimSpace(name), value, "--set"); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// environNames maps the names of environment variables to settings.
func environNames() map[string]string {
	out := map[string]string{}
	add := func(name string) {
		out[EnvironPrefix+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = name
	}
	for _, name := range brokerNames {
		add(name)
	}
	for name := range synonymOf {
		add(name)
	}
	for name := range aliases {
		add(name)
	}
	return out
}

// put takes one setting under any of its names.
func (s *Settings) put(name, value, origin string) error {
	value = strings.TrimSpace(value)
	asked := name
	if own, ok := aliases[name]; ok {
		var err error
		if value, err = fromKafka(own, value); err != nil {
			return fmt.Errorf("%s, %s: %w", origin, name, err)
		}
		name = own
	}
	p := byBrokerName[name]
	if other := synonymOf[name]; p == nil && other != nil {
		i := slices.IndexFunc(other.Synonyms, func(s Synonym) bool { return s.Name == name })
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", origin, &Error{name, value, "Not a number of type INT"})
		}
		if n >= 0 {
			n *= other.Synonyms[i].Factor
		}
		// The finer unit wins over the coarser one, wherever in the file they stand.
		if rank, ok := s.rank(other, origin); ok && rank < i+1 {
			return nil
		}
		p, name, value = other, other.Name, strconv.FormatInt(n, 10)
	}
	if p == nil {
		if Foreign(asked) {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s has no meaning in troupe and is ignored (%s)", asked, origin))
			return nil
		}
		return fmt.Errorf("%s: unknown setting %s; the nearest known one is %s", origin, asked, nearest(asked, brokerNames))
	}
	if err := p.Check(asked, value); err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	s.values[name], s.origin[name] = value, origin+"\x00"+asked
	return nil
}

// rank tells under which name a property was set before by the same source: 0 for its own, i+1 for its i-th synonym.
func (s *Settings) rank(p *Property, origin string) (int, bool) {
	source, asked, ok := strings.Cut(s.origin[p.Name], "\x00")
	if !ok || source != origin {
		return 0, false
	}
	return slices.IndexFunc(p.Synonyms, func(s Synonym) bool { return s.Name == asked }) + 1, true
}

// fromKafka reads a value in the form that Kafka's setting of another name has.
func fromKafka(own, value string) (string, error) {
	list := splitList(value)
	switch own {
	case "data.dir":
		if len(list) != 1 {
			return "", fmt.Errorf("troupe keeps its data in one folder, and %q names %d", value, len(list))
		}
		return list[0], nil
	default:
		for _, listener := range list {
			name, address, ok := strings.Cut(listener, "://")
			if !ok {
				return "", fmt.Errorf("%q is not NAME://HOST:PORT", listener)
			}
			if name == "CONTROLLER" {
				continue // there is no controller listener
			}
			return address, nil
		}
		return "", fmt.Errorf("%q names no listener for clients", value)
	}
}

// Get returns the value of a broker's setting, its default where it was not set.
func (s *Settings) Get(name string) string {
	if v, ok := s.values[name]; ok {
		return v
	}
	p := byBrokerName[name]
	if p == nil {
		panic("config: no setting " + name)
	}
	return p.Default
}

// Int returns the value of a setting that is a number.
func (s *Settings) Int(name string) int64 {
	n, err := strconv.ParseInt(s.Get(name), 10, 64)
	if err != nil {
		panic("config: " + name + " is no number")
	}
	return n
}

// Bool returns the value of a setting that is true or false.
func (s *Settings) Bool(name string) bool { return strings.EqualFold(s.Get(name), "true") }

// Millis returns the value of a setting in milliseconds.
func (s *Settings) Millis(name string) time.Duration {
	return time.Duration(s.Int(name)) * time.Millisecond
}

// Static returns the settings that were made at the node's start, without defaults. The map is the caller's to read only.
func (s *Settings) Static() map[string]string { return s.values }
