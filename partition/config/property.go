package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Type is what values a property takes, in the numbers of the protocol's config types (DescribeConfigs version 3).
type Type int8

// The types.
const (
	Boolean Type = 1
	String  Type = 2
	Int     Type = 3
	Short   Type = 4
	Long    Type = 5
	Double  Type = 6
	List    Type = 7
)

// A Property is one setting: of a broker, of a topic, or of both, where the broker's is the topic's default.
type Property struct {
	Name    string // the broker's name; empty for a setting that only topics have
	Topic   string // the topic's name; empty for a setting that only brokers have
	Type    Type
	Default string // empty for a setting that stands for nothing until it is set
	// Min and Max bound numbers; where both are zero there is no bound but the type's.
	Min, Max float64
	// Values are the only ones that are allowed; with List, for each element.
	Values []string
	// Dynamic properties can be altered while the broker runs.
	Dynamic bool
	// Unset says that the broker's setting stands for nothing until it is made; the default is the topic's alone.
	Unset bool
	// Synonyms are other names of the broker's property, the more telling first: log.retention.minutes for log.retention.ms.
	Synonyms []Synonym
	Doc      string
	// Effect, where not empty, says what the setting does not do here.
	Effect string
	// Refuse, where not nil, returns why a value that is otherwise good can't be had here.
	Refuse func(value string) error
}

// A Synonym is another name for a number, in another unit.
type Synonym struct {
	Name    string
	Factor  int64  // of the property's unit
	Default string // in the synonym's unit; empty for nothing
}

// Error is why a value is refused. Its text names the property, the value and what would be right.
type Error struct {
	Name, Value, Reason string
}

// Error returns the text, in the words that Kafka uses for it.
func (e *Error) Error() string {
	return fmt.Sprintf("Invalid value %s for configuration %s: %s", e.Value, e.Name, e.Reason)
}

// A refusal is an error in the words that Kafka has for it.
type refusal string

// Error returns the words.
func (r refusal) Error() string { return string(r) }

func refusef(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// Check tells whether the property takes the value; name is the one that the caller used.
func (p *Property) Check(name, value string) error {
	refuse := func(format string, args ...any) error {
		return &Error{name, value, fmt.Sprintf(format, args...)}
	}
	trimmed := strings.TrimSpace(value)
	switch p.Type {
	case Boolean:
		if !strings.EqualFold(trimmed, "true") && !strings.EqualFold(trimmed, "false") {
			return refuse("Expected value to be either true or false")
		}
	case Short, Int, Long, Double:
		number, err := p.number(trimmed)
		if err != nil {
			return refuse("Not a number of type %s", p.Type)
		}
		lo, hi := p.bounds()
		if number < lo {
			return refuse("Value must be at least %s", formatBound(lo))
		}
		if number > hi {
			return refuse("Value must be no more than %s", formatBound(hi))
		}
	case List:
		for _, element := range splitList(trimmed) {
			if p.Values != nil && !slices.Contains(p.Values, element) {
				return refuse("String must be one of: %s", strings.Join(p.Values, ", "))
			}
		}
	case String:
		if p.Values != nil && !slices.Contains(p.Values, trimmed) {
			return refuse("String must be one of: %s", strings.Join(p.Values, ", "))
		}
	}
	if p.Refuse != nil {
		if err := p.Refuse(trimmed); err != nil {
			return refuse("%v", err)
		}
	}
	return nil
}

func (p *Property) number(s string) (float64, error) {
	switch p.Type {
	case Short:
		n, err := strconv.ParseInt(s, 10, 16)
		return float64(n), err
	case Int:
		n, err := strconv.ParseInt(s, 10, 32)
		return float64(n), err
	case Long:
		n, err := strconv.ParseInt(s, 10, 64)
		return float64(n), err
	default:
		return strconv.ParseFloat(s, 64)
	}
}

func (p *Property) bounds() (lo, hi float64) {
	lo, hi = p.Min, p.Max
	if lo == 0 && hi == 0 {
		lo = math.Inf(-1)
	}
	if hi == 0 {
		hi = math.Inf(1)
	}
	return lo, hi
}

// formatBound writes whole numbers with all their digits.
func formatBound(f float64) string {
	if f == math.Trunc(f) {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func splitList(s string) []string {
	var out []string
	for _, element := range strings.Split(s, ",") {
		if element = strings.TrimSpace(element); element != "" {
			out = append(out, element)
		}
	}
	return out
}

// String returns the type's name as Kafka's messages write it.
func (t Type) String() string {
	switch t {
	case Boolean:
		return "BOOLEAN"
	case String:
		return "STRING"
	case Int:
		return "INT"
	case Short:
		return "SHORT"
	case Long:
		return "LONG"
	case Double:
		return "DOUBLE"
	case List:
		return "LIST"
	}
	return "UNKNOWN"
}
