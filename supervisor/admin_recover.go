package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

// serveRecovery adds what is for partitions that have lost their majority:
//
//	GET  /partitions/lost                                those with a replica on this node, as JSON ([]LostPartition)
//	POST /partitions/recover?partition=NAME…|all=true    gives the others up (Recovery); what only they had is gone
func serveRecovery(mux *http.ServeMux, logger log.Logger, lost func(context.Context) ([]*LostPartition, error), giveUp func(ctx context.Context, names []string, all bool) (*Recovery, error)) {
	answer := func(w http.ResponseWriter, value any, err error) {
		switch {
		case errors.Is(err, errNoneNamed):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, err.Error(), http.StatusConflict)
		default:
			w.Header().Set("Content-Type", "application/json")
			if err := json.NewEncoder(w).Encode(value); err != nil {
				level.Debug(logger).Log("msg", "an answer was not sent", "err", err)
			}
		}
	}
	mux.HandleFunc("GET /partitions/lost", func(w http.ResponseWriter, q *http.Request) {
		all, err := lost(q.Context())
		answer(w, append([]*LostPartition{}, all...), err)
	})
	// Nobody's browser is to be talked into it by another site.
	mux.Handle("POST /partitions/recover", http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		// Who asked may be gone before it is done, and it is done all the same.
		done, err := giveUp(context.WithoutCancel(q.Context()), q.URL.Query()["partition"], q.URL.Query().Get("all") == "true")
		answer(w, done, err)
	})))
}
