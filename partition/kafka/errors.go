package kafka

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// A DetailedError is a protocol error together with words for the person who reads it. Requests whose
// response has an error message field carry the words there.
type DetailedError struct {
	Kind    *kerr.Error // the protocol's error, which decides the code
	Message string      // what was wrong and what to do
}

// Error returns the words, led by the protocol's name of the error.
func (e *DetailedError) Error() string { return e.Kind.Message + ": " + e.Message }

// Unwrap makes errors.Is(err, kerr.X) true for a detailed X.
func (e *DetailedError) Unwrap() error { return e.Kind }

// Errorf returns a DetailedError of the given kind.
func Errorf(kind *kerr.Error, format string, args ...any) error {
	return &DetailedError{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Code returns the protocol's error code for err: 0 for nil, the code of the kerr.Error in err's chain, and
// UNKNOWN_SERVER_ERROR (-1) for an error that the protocol has no word for.
func Code(err error) int16 {
	if err == nil {
		return 0
	}
	var k *kerr.Error
	if errors.As(err, &k) {
		return k.Code
	}
	return kerr.UnknownServerError.Code
}

// Message returns the words for a response's error message field: nil for nil, the detail where there is one,
// otherwise the protocol's description of the error.
func Message(err error) *string {
	if err == nil {
		return nil
	}
	var d *DetailedError
	if errors.As(err, &d) {
		return &d.Message
	}
	var k *kerr.Error
	if errors.As(err, &k) {
		return &k.Description
	}
	s := err.Error()
	return &s
}

// CodeName returns the protocol's name of an error code, as metrics and logs show it; NONE for 0.
func CodeName(code int16) string {
	if code == 0 {
		return "NONE"
	}
	var k *kerr.Error
	if errors.As(kerr.ErrorForCode(code), &k) {
		return k.Message
	}
	return "UNKNOWN_SERVER_ERROR"
}
