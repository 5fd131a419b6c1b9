package record

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"troupe/partition/kafka"
)

func corrupt(format string, args ...any) error {
	return kafka.Errorf(kerr.CorruptMessage, format, args...)
}
func invalid(format string, args ...any) error {
	return kafka.Errorf(kerr.InvalidRecord, format, args...)
}
