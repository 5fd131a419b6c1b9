package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/magiconair/properties"
)

// Settings are a node's settings, each with where it came from.
type Settings struct {
	values map[string]string // those that were set, under the broker's names
	places map[string]place
	kafka  map[string]given // Kafka's listener settings, which mean something only together
	// Warnings are lines for the log: settings of Kafka's that do nothing here, or not all that they say.
	Warnings []string
}

// A place is where a setting stands: in which source, in what of it, and under which name.
type place struct {
	layer  layer
	origin string
	name   string
	rank   int // of the name among those of the property
}

// A layer is a source of settings; a higher one wins over a lower one.
type layer int

const (
	inFile layer = iota
	inEnviron
	inCommand
)

// over tells whether what stands here wins over what stands there. Within a source a finer unit wins over a coarser one, wherever they stand, as in Kafka.
func (p place) over(other place) bool {
	return p.layer > other.layer || p.layer == other.layer && p.rank <= other.rank
}

// Sources are where settings come from; a later one wins over an earlier one.
type Sources struct {
	File     []byte   // a Java properties file
	FileName string   // for messages
	Environ  []string // NAME=VALUE; TROUPE_LOG_RETENTION_MS stands for log.retention.ms
	Flags    []Flag
	Set      []string // NAME=VALUE, as on the command line
}

// A Flag is a setting that has a flag of its own on the command line.
type Flag struct {
	Flag  string // as the user wrote it
	Name  string
	Value string
}

// environPrefix begins the names of the environment variables that are settings.
const environPrefix = "TROUPE_"

// Load reads settings. Its error names the setting, where it stands and, for an unknown one, the nearest known name.
func Load(from Sources) (*Settings, error) {
	s := &Settings{values: map[string]string{}, places: map[string]place{}, kafka: map[string]given{}}
	for _, read := range []func(Sources) error{s.readFile, s.readEnviron, s.readCommand, s.readListeners} {
		if err := read(from); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Settings) readFile(from Sources) error {
	if len(from.File) == 0 {
		return nil
	}
	loader := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
	file, err := loader.LoadBytes(from.File)
	if err != nil {
		return fmt.Errorf("%s: %w", from.FileName, err)
	}
	for _, name := range file.Keys() {
		value, _ := file.Get(name)
		if err := s.put(name, value, place{layer: inFile, origin: from.FileName}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Settings) readEnviron(from Sources) error {
	names := environNames()
	for _, entry := range from.Environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, environPrefix) {
			continue
		}
		known, ok := names[name]
		if !ok {
			known = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, environPrefix), "_", "."))
		}
		if err := s.put(known, value, place{layer: inEnviron, origin: "environment variable " + name}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Settings) readCommand(from Sources) error {
	for _, f := range from.Flags {
		if err := s.put(f.Name, f.Value, place{layer: inCommand, origin: f.Flag}); err != nil {
			return err
		}
	}
	for _, entry := range from.Set {
		name, value, ok := strings.Cut(entry, "=")
		if !ok {
			return fmt.Errorf("--set %s: expected NAME=VALUE", entry)
		}
		if err := s.put(strings.TrimSpace(name), value, place{layer: inCommand, origin: "--set"}); err != nil {
			return err
		}
	}
	return nil
}

// environNames maps the names of environment variables to settings.
func environNames() map[string]string {
	out := map[string]string{}
	for _, name := range settingNames {
		out[environPrefix+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = name
	}
	return out
}

// put takes one setting under any of its names.
func (s *Settings) put(name, value string, at place) error {
	value = strings.TrimSpace(value)
	at.name = name
	if slices.Contains(listenerNames, name) {
		s.kafka[name] = given{value, at}
		return nil
	}
	p := byBrokerName[name]
	switch other := synonymOf[name]; {
	case p != nil:
	case other != nil:
		var err error
		if at.rank, value, err = other.fromSynonym(name, value); err != nil {
			return fmt.Errorf("%s: %w", at.origin, err)
		}
		p = other
	case aliases[name] != nil:
		own := aliases[name]
		p, at.rank = byBrokerName[own.name], own.rank
		var err error
		if value, err = own.read(value); err != nil {
			return fmt.Errorf("%s, %s: %w", at.origin, name, err)
		}
	case isForeign(name):
		s.Warnings = append(s.Warnings, fmt.Sprintf("%s has no meaning in troupe and is ignored (%s)", name, at.origin))
		return nil
	default:
		return fmt.Errorf("%s: unknown setting %s; the nearest known one is %s", at.origin, name, nearest(name, settingNames))
	}
	if err := p.Check(name, value); err != nil {
		return fmt.Errorf("%s: %w", at.origin, err)
	}
	s.take(p.Name, value, at)
	return nil
}

// take keeps a value unless what is there already wins.
func (s *Settings) take(name, value string, at place) {
	if old, ok := s.places[name]; !ok || at.over(old) {
		s.values[name], s.places[name] = value, at
	}
}

// fromSynonym reads a value in the unit of another name of the property, and tells which one that is: 1 for the finest.
func (p *Property) fromSynonym(name, value string) (rank int, own string, err error) {
	i := slices.IndexFunc(p.Synonyms, func(s Synonym) bool { return s.Name == name })
	n, err := strconv.ParseInt(value, 10, 32) // Kafka's coarser units are all of type int
	if err != nil {
		return 0, "", &Error{name, value, "Not a number of type INT"}
	}
	if n >= 0 {
		n *= p.Synonyms[i].Factor
	}
	return i + 1, strconv.FormatInt(n, 10), nil
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

// List returns the elements of a setting that is a list.
func (s *Settings) List(name string) []string { return splitList(s.Get(name)) }

// Millis returns the value of a setting in milliseconds. What is longer than a time.Duration can be is as long as it can be.
func (s *Settings) Millis(name string) time.Duration {
	return times(s.Int(name), time.Millisecond)
}

// Seconds returns the value of a setting in seconds, in the same way.
func (s *Settings) Seconds(name string) time.Duration {
	return times(s.Int(name), time.Second)
}

// Minutes returns the value of a setting in minutes, in the same way.
func (s *Settings) Minutes(name string) time.Duration {
	return times(s.Int(name), time.Minute)
}

func times(n int64, unit time.Duration) time.Duration {
	const longest = math.MaxInt64
	if n > int64(longest/unit) {
		return longest
	}
	return time.Duration(n) * unit
}

// IsSet tells whether a broker's setting was made, rather than left at its default.
func (s *Settings) IsSet(name string) bool {
	_, ok := s.values[name]
	return ok
}

// Origin says where a broker's setting was made and under which name; empty for a default.
func (s *Settings) Origin(name string) string {
	at, ok := s.places[name]
	switch {
	case !ok:
		return ""
	case at.name == name:
		return at.origin
	}
	return at.origin + ", " + at.name
}

// With returns the settings with one more, unless that was made already.
func (s *Settings) With(name, value, origin string) *Settings {
	if s.IsSet(name) {
		return s
	}
	out := *s
	out.values, out.places = maps.Clone(s.values), maps.Clone(s.places)
	out.take(name, value, place{origin: origin, name: name})
	return &out
}

// Static returns the settings that were made at the node's start, without defaults. The map is the caller's to read only.
func (s *Settings) Static() map[string]string { return s.values }
