package actors

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

type slogLogger = slog.Logger

// newSlog returns the logger that protoactor gets: its words go to ours. What it calls information, such as a message to an actor
// that is gone, is of interest only to somebody who debugs, and is logged at that level. Once the system has ended nothing is logged any
// more: protoactor counts messages to actors that are gone in a goroutine that comes back a second later.
func newSlog(l log.Logger, ended *atomic.Bool) *slog.Logger {
	return slog.New(&slogHandler{logger: l, ended: ended})
}

type slogHandler struct {
	logger log.Logger
	ended  *atomic.Bool
}

// Enabled lets everything through while the system lives; the logger behind filters.
func (h *slogHandler) Enabled(context.Context, slog.Level) bool { return !h.ended.Load() }

// Handle writes a record as one line.
func (h *slogHandler) Handle(_ context.Context, r slog.Record) error {
	keyvals := []any{"msg", r.Message, "from", "protoactor"}
	r.Attrs(func(a slog.Attr) bool {
		keyvals = append(keyvals, a.Key, a.Value.Any())
		return true
	})
	l := level.Debug(h.logger)
	switch {
	case r.Level >= slog.LevelError:
		l = level.Error(h.logger)
	case r.Level >= slog.LevelWarn:
		l = level.Warn(h.logger)
	}
	return l.Log(keyvals...)
}

// WithAttrs returns a handler that adds attributes to each line.
func (h *slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	l := h.logger
	for _, a := range attrs {
		l = log.With(l, a.Key, a.Value.Any())
	}
	return &slogHandler{logger: l, ended: h.ended}
}

// WithGroup ignores groups: protoactor has none.
func (h *slogHandler) WithGroup(string) slog.Handler { return h }
